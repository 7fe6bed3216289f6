import type { ColumnSpec } from '../batch/columnSpec.ts'
import type { SampleBatch } from '../batch/sampleBatch.ts'
import { MillraceError, nearestName } from '../errors.ts'
import { issues } from '../protocol/fields.ts'
import type { LeaseStage } from '../protocol/lease.ts'
import { gae } from './gae.ts'
import { gradients } from './gradients.ts'
import { sharedGradients } from './sharedGradients.ts'
import type { OpenStage, SourceStage, StagePorts, StageSizes } from './stage.ts'

/** Every stage, by its name. */
export const STAGES = { gae, gradients, sharedGradients }

/** @throws MillraceError E_LEASE for a name that is none, or parameters that its schema does not take */
function named({ name, params }: LeaseStage): { readonly stage: SourceStage<unknown>; readonly params: unknown } {
  const stage = Object.hasOwn(STAGES, name) ? (STAGES[name as keyof typeof STAGES] as SourceStage<unknown>) : undefined
  if (!stage) {
    const nearest = nearestName(name, Object.keys(STAGES))
    const hint = nearest === undefined ? `there are ${Object.keys(STAGES).join(', ')}` : `did you mean '${nearest}'?`
    throw new MillraceError('E_LEASE', `there is no stage '${name}'; ${hint}`, { stage: name })
  }
  const result = stage.params.safeParse(params)
  if (result.success) return { stage, params: result.data }
  throw new MillraceError('E_LEASE', `parameters of stage '${name}': ${issues(result.error)}`, { stage: name })
}

/** What fragments have after these stages. @throws MillraceError E_LEASE, E_PLAN_PARAMETER */
export const columnsAfter = (
  stages: readonly LeaseStage[],
  before: readonly ColumnSpec[],
  sizes: StageSizes,
): readonly ColumnSpec[] =>
  stages.map(named).reduce((columns, { stage, params }) => stage.columns(columns, params, sizes), before)

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

/** @throws MillraceError E_LEASE, and whatever a stage needs and cannot have */
export async function openStages(stages: readonly LeaseStage[], ports: StagePorts): Promise<OpenStages> {
  const open: OpenStage[] = []
  for (const { stage, params } of stages.map(named)) open.push(await stage.open(params, ports))
  return {
    rounds: roundsOf(stages, ports),
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
