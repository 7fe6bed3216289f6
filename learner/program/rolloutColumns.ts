import type { PolicySpec } from '../../shared/policy/spec.ts'
import type { Tensor } from '../tensor/index.ts'
import { column } from './names.ts'

/** What a train batch of rollouts has, as inputs of a graph; see `trainInputs`. */
export interface RolloutColumns {
  /** [T, B, ...D] */
  readonly observations: Tensor
  /** [E, ...D], E >= 1: the B bootstrap observations, then the final ones of truncated steps. */
  readonly extraObservations: Tensor
  /** int32 [T, B]: the true next state's row among T * B observations (t * B + b) followed by E extra ones. */
  readonly nextIndex: Tensor
  /** int32 [T, B] of discrete actions, float32 [T, B, A] of a box. */
  readonly actions: Tensor
  /** [T, B] */
  readonly behaviourLogProbs: Tensor
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
    observations: column('observations', [T, B, ...policy.observation.shape]),
    extraObservations: column('extra_observations', ['E', ...policy.observation.shape]),
    nextIndex: column('next_index', [T, B], 'int32'),
    actions: actionColumn(policy, [T, B]),
    behaviourLogProbs: column('behaviour_log_probs', [T, B]),
    rewards: column('rewards', [T, B]),
    terminated: column('terminated', [T, B], 'uint8'),
    episodeEnd: column('episode_end', [T, B], 'uint8'),
  }
}

/** Actions as a batch has them: int32 of discrete ones, float32 of a box, with rows of this shape. */
export const actionColumn = ({ action }: PolicySpec, rows: readonly number[]): Tensor =>
  action.kind === 'discrete' ? column('actions', rows, 'int32') : column('actions', [...rows, ...action.shape])
