import type { ColumnSpec } from '../batch/columnSpec.ts'
import { columnOf } from '../batch/columns.ts'
import type { Column } from '../batch/sampleBatch.ts'
import { MillraceError } from '../errors.ts'
import type { GraphOutputs, GraphSession } from './graphSession.ts'
import type { StageSizes } from './stage.ts'

/** What the learner needs of a fragment beside what was made of its steps: whose policy it was, and the episodes that ended. */
const KEPT = ['policy_versions', 'episode_returns', 'episode_lengths']

export const kept = <T>(columns: readonly (readonly [string, T])[]): (readonly [string, T])[] =>
  columns.filter(([name]) => KEPT.includes(name))

/** Columns of a fragment that carries a gradient [P] and the metrics [M] of its loss instead of steps. */
export function gradientSpecs(before: readonly ColumnSpec[], graph: string, { graphs }: StageSizes): ColumnSpec[] {
  const { weights, metrics } = graphs[graph] ?? {}
  if (!weights || !metrics)
    throw new MillraceError('E_PLAN_PARAMETER', `no graph '${graph}' of the program gives a gradient`, { graph })
  const one = (name: string, size: number) => ({ name, dtypes: ['F32'], dims: [size], join: 'stack' }) as const
  const names = kept(before.map((spec) => [spec.name, spec] as const)).map(([, spec]) => spec)
  return [...names, one('gradient', weights.size), one('metrics', metrics.length)]
}

/** @throws MillraceError E_TRAIN_DIVERGED when a number of them is not finite */
export function gradientColumns({ graph }: GraphSession, { columns, metrics }: GraphOutputs): Record<string, Column> {
  const gradient = columns['gradient'] ?? new Float32Array(0)
  const bad = metrics.findIndex((value) => !Number.isFinite(value))
  const named = bad >= 0 ? graph.metrics[bad] : gradient.every(Number.isFinite) ? undefined : 'the gradient'
  if (named !== undefined)
    throw new MillraceError('E_TRAIN_DIVERGED', `${named} is not finite at the source`, { metric: named })
  return { gradient: columnOf(gradient, [gradient.length]), metrics: columnOf(metrics, [metrics.length]) }
}
