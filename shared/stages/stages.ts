import type { ColumnSpec, FragmentForm } from '../batch/columnSpec.ts'
import type { SampleBatch } from '../batch/sampleBatch.ts'
import { MillraceError, nearestName } from '../errors.ts'
import { issues } from '../protocol/fields.ts'
import type { Lease, LeaseStage } from '../protocol/lease.ts'
import { gae } from './gae.ts'
import { gradients } from './gradients.ts'
import { sharedGradients } from './sharedGradients.ts'
import type { OpenStage, SourceStage, StagePorts, StageSizes } from './stage.ts'

/** What of a lease says what is done with its fragments. */
export interface StagesOfLease {
  readonly stages: readonly LeaseStage[]
  readonly graphs?: Lease['graphs']
}

/** Every stage, by its name. */
export const STAGES = { gae, gradients, sharedGradients }

/** @throws MillraceError E_LEASE for a name that is none, or parameters that its schema does not take */
function named({ name, params }: LeaseStage): { readonly stage: SourceStage; readonly params: unknown } {
  const stage = Object.hasOwn(STAGES, name) ? (STAGES[name as keyof typeof STAGES] as SourceStage) : undefined
  if (!stage) {
    const nearest = nearestName(name, Object.keys(STAGES))
    const hint = nearest === undefined ? `there are ${Object.keys(STAGES).join(', ')}` : `did you mean '${nearest}'?`
    throw new MillraceError('E_LEASE', `there is no stage '${name}'; ${hint}`, { stage: name })
  }
  const result = stage.params.safeParse(params)
  if (result.success) return { stage, params: result.data }
  throw new MillraceError('E_LEASE', `parameters of stage '${name}': ${issues(result.error)}`, { stage: name })
}

/** What the messages of a lease are to be, its stages done. @throws MillraceError E_LEASE, E_PLAN_PARAMETER, E_PLAN_SHAPE */
export function formAfter(
  { stages, graphs = {} }: StagesOfLease,
  { T, B, columns: before }: FragmentForm,
): FragmentForm {
  const sizes = { T, B, graphs }
  const after = (columns: readonly ColumnSpec[], { stage, params }: ReturnType<typeof named>) =>
    stage.columns(columns, params, sizes)
  return { T, B, rounds: roundsOf(stages, sizes), columns: stages.map(named).reduce(after, before) }
}

/** Names of the graphs that these stages run. @throws MillraceError E_LEASE */
export const graphsOf = (stages: readonly LeaseStage[]): readonly string[] => [
  ...new Set(stages.map(named).flatMap(({ stage, params }) => stage.graphs?.(params) ?? [])),
]

/** Messages of one fragment. @throws MillraceError E_PLAN_SHAPE where a stage but the last makes more than one */
export function roundsOf(stages: readonly LeaseStage[], sizes: Pick<StageSizes, 'T' | 'B'>): number {
  const rounds = stages.map(named).map(({ stage, params }) => stage.rounds?.(params, sizes) ?? 1)
  const early = rounds.slice(0, -1).findIndex((count) => count > 1)
  if (early >= 0)
    throw new MillraceError(
      'E_PLAN_SHAPE',
      `stage '${stages[early]?.name}' gives several messages of a fragment and has to be the last`,
    )
  return rounds.at(-1) ?? 1
}

/** The stages of a lease at work. */
export interface OpenStages {
  /** Messages of one fragment. */
  readonly rounds: number
  apply(batch: SampleBatch): Promise<SampleBatch>
  /** A further message of the fragment that `apply` was given last. */
  again(sequence: number): Promise<SampleBatch>
}

/**
 * @param columns what fragments have before the first of them
 * @throws MillraceError E_LEASE, and whatever a stage needs and cannot have
 */
export async function openStages(
  { stages, graphs = {} }: StagesOfLease,
  ports: StagePorts,
  columns: readonly ColumnSpec[],
): Promise<OpenStages> {
  const open: OpenStage[] = []
  const sizes = { T: ports.T, B: ports.B, graphs }
  let before = columns
  for (const { stage, params } of stages.map(named)) {
    open.push(await stage.open(params, ports, before))
    before = stage.columns(before, params, sizes)
  }
  return {
    rounds: roundsOf(stages, sizes),
    async apply(batch) {
      let made = batch
      for (const stage of open) made = await stage.apply(made)
      return made
    },
    async again(sequence) {
      const made = await open.at(-1)?.again?.(sequence)
      if (!made) throw new MillraceError('E_INTERNAL', `no stage gives message ${sequence} of the same steps`)
      return made
    },
  }
}
