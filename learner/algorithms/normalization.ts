import { z } from 'zod'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { type Network, observationStats, valueScale } from '../networks/index.ts'
import { type ProgramDescription, type RolloutColumns, type Rule, column } from '../program/index.ts'
import { type Tensor, flatten, reduceMean, reshape, square, sub } from '../tensor/index.ts'

export const NORMALIZATION_SETTINGS = {
  /**
   * Subtract the mean of all observations so far and divide by their deviation, in the published policy too. Bytes and one-hot
   * observations are left as they are.
   */
  normalizeObservations: z.boolean().default(false),
  /** Learn values of size 1, whatever the size of returns is, and divide advantages by the deviation of the returns (PopArt). */
  normalizeValues: z.boolean().default(true),
}

export interface NormalizationSettings {
  readonly normalizeObservations?: boolean
  readonly normalizeValues?: boolean
}

/** What the statistics are kept of. */
export interface Kept {
  readonly batch: RolloutColumns
  /** Value targets of the batch. */
  readonly targets: Tensor
  /** The graph that works them out. */
  readonly graph: string
}

/** The running statistics of a policy and a value. What is not asked for leaves everything as it is. */
export interface Normalization {
  /** Of observations [N, ...D]. */
  readonly observations: (x: Tensor) => Tensor
  /** What the network gives, as values. */
  readonly values: (given: Tensor) => Tensor
  /** Values and their targets as the value's loss takes them. */
  readonly standard: (values: Tensor) => Tensor
  /** Advantages as a policy gradient takes them. */
  readonly shrink: (advantages: Tensor) => Tensor
  /** A program that keeps the statistics, and publishes what the policy needs of them. */
  readonly kept: (program: ProgramDescription, of: Kept) => ProgramDescription
}

/** Its set, and the graphs that change it. */
const SET = 'statistics'

export function normalization(
  { normalizeObservations = false, normalizeValues = false }: NormalizationSettings,
  { observation }: PolicySpec,
  network: Pick<Network<'policy' | 'value'>, 'layers'>,
): Normalization {
  const isPlain = observation.dtype !== 'uint8' && !observation.oneHot
  const stats = normalizeObservations && isPlain ? observationStats(observation.shape) : undefined
  const scale = normalizeValues ? valueScale() : undefined
  const parameters = [...(stats?.parameters ?? []), ...(scale?.parameters ?? [])]
  return {
    observations: (x) => stats?.normalize(x) ?? x,
    values: (given) => scale?.restore(given) ?? given,
    standard: (values) => scale?.normalize(values) ?? values,
    shrink: (advantages) => scale?.shrink(advantages) ?? advantages,
    kept: (program, { batch, targets, graph }) => {
      if (parameters.length === 0) return program
      const { graphs, calls, policies } = program
      const own: Record<string, ProgramDescription['graphs'][string]> = {}
      const shape = observation.shape
      if (stats) own['observations'] = { assign: stats.seen(reshape(batch.observations, [rowsOf(batch), ...shape])) }
      if (scale) {
        const [mean, variance] = [column('target_mean', []), column('target_variance', [])]
        own['value_scale'] = { assign: scale.seen({ mean, variance }, network.layers?.value) }
      }
      const before = scale ? withMoments(program, graph, targets) : graphs
      return {
        ...program,
        sets: { ...program.sets, [SET]: parameters },
        graphs: { ...before, ...own },
        calls: { ...calls, update: rules(calls['update'] ?? [], graph, Object.keys(own)) },
        policies: mapped(policies, (policy) => ({ ...policy, sets: [...policy.sets, SET] })),
      }
    },
  }
}

const rowsOf = ({ rewards }: RolloutColumns): number =>
  rewards.shape.reduce<number>((rows, side) => rows * Number(side), 1)

function withMoments({ graphs }: ProgramDescription, graph: string, targets: Tensor): ProgramDescription['graphs'] {
  const all = flatten(targets)
  const mean = reduceMean(all)
  const moments = { target_mean: mean, target_variance: reduceMean(square(sub(all, mean))) }
  const given = graphs[graph]
  return { ...graphs, [graph]: { ...given, columns: { ...given?.columns, ...moments } } }
}

/** The scale changes as soon as targets are known; observations when all is learned from them, as functions acted without them. */
function rules(before: readonly Rule[], graph: string, own: readonly string[]): readonly Rule[] {
  return before
    .flatMap((rule): readonly Rule[] =>
      own.includes('value_scale') && 'run' in rule && rule.run === graph ? [rule, { run: 'value_scale' }] : [rule],
    )
    .concat(own.includes('observations') ? [{ run: 'observations' }] : [])
}

const mapped = <T>(of: Readonly<Record<string, T>>, make: (value: T) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(value)]))
