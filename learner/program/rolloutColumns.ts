import { maskSizeOf, type PolicySpec } from '../../shared/policy/spec.ts'
import type { Shape, Tensor } from '../tensor/index.ts'
import { column } from './names.ts'

/** What an algorithm has of every step of a batch, with rows [T, B] or [N]. */
export interface StepColumns {
  /** [...rows, ...D], float32 or uint8 */
  readonly observations: Tensor
  /** int32 [...rows] of discrete actions, [...rows, D] of several choices, float32 [...rows, A] of a box. */
  readonly actions: Tensor
  /** uint8 [...rows, P], where the env masks actions. */
  readonly actionMask?: Tensor
  /** [...rows] */
  readonly behaviourLogProbs: Tensor
}

/** What a train batch of rollouts has, as inputs of a graph; see `trainInputs`. */
export interface RolloutColumns extends StepColumns {
  /** [E, ...D], E >= 1: the B bootstrap observations, then the final ones of truncated steps. */
  readonly extraObservations: Tensor
  /** int32 [T, B]: the true next state's row among T * B observations (t * B + b) followed by E extra ones. */
  readonly nextIndex: Tensor
  /** [T, B], as the environment gave them. */
  readonly rewards: Tensor
  /** uint8 [T, B] */
  readonly terminated: Tensor
  /** uint8 [T, B]: terminated or truncated. */
  readonly episodeEnd: Tensor
}

export function rolloutColumns({
  policy,
  T,
  B,
}: {
  readonly policy: PolicySpec
  readonly T: number
  readonly B: number
}): RolloutColumns {
  return {
    ...stepColumns(policy, [T, B]),
    extraObservations: observationColumn('extra_observations', policy, ['E']),
    nextIndex: column('next_index', [T, B], 'int32'),
    rewards: column('rewards', [T, B]),
    terminated: column('terminated', [T, B], 'uint8'),
    episodeEnd: column('episode_end', [T, B], 'uint8'),
  }
}

/** The columns of steps, for all of a batch or the rows of a minibatch. */
export const stepColumns = (policy: PolicySpec, rows: Shape): StepColumns => ({
  observations: observationColumn('observations', policy, rows),
  actions: actionColumn(policy, rows),
  ...(policy.masked && { actionMask: column('action_mask', [...rows, maskSizeOf(policy.action)], 'uint8') }),
  behaviourLogProbs: column('behaviour_log_probs', rows),
})

const observationColumn = (name: string, { observation }: PolicySpec, rows: Shape): Tensor =>
  column(name, [...rows, ...observation.shape], observation.dtype ?? 'float32')

function actionColumn({ action }: PolicySpec, rows: Shape): Tensor {
  if (action.kind === 'box') return column('actions', [...rows, ...action.shape])
  return column('actions', action.kind === 'discrete' ? rows : [...rows, action.nvec.length], 'int32')
}
