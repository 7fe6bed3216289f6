import type { Random } from '../random.ts'
import type { BoxSpace, Space } from './space.ts'

/** What one step gave. `terminated`: the task ended. `truncated`: it was cut off from outside (a time limit). */
export interface StepOutcome {
  reward: number
  terminated: boolean
  truncated: boolean
}

/**
 * One environment, with Gymnasium's semantics. This is what a user writes.
 *
 * Observations are written into a buffer of the caller (`Float32Array` of the observation space's size, flattened), so
 * that stepping allocates nothing. A discrete observation is one element that holds the index.
 */
export interface Env {
  readonly observationSpace: Space
  readonly actionSpace: Space
  /** Starts an episode and writes its first observation. All randomness of the episode comes from `random`. */
  reset(observation: Float32Array, random: Random): void
  /**
   * Applies one action (its index when discrete, its values when a box) and writes the next observation.
   * The returned object may be the same one at every call.
   */
  step(action: number | Float32Array, observation: Float32Array): StepOutcome
}

/**
 * B environments stepped as one, over typed arrays. An env whose episode ended is reset within the same step: its
 * `observations` row is the first of the next episode, and `finalObservations` keeps the last one of the ended episode.
 */
export interface VectorEnv {
  readonly numEnvs: number
  readonly observationSpace: BoxSpace
  readonly actionSpace: Space
  /** [B, D] observations the next actions are chosen from. The buffer stays the same object for ever. */
  readonly observations: Float32Array
  /** [B] rewards of the last step. */
  readonly rewards: Float32Array
  /** [B] 1 where the last step terminated the episode. */
  readonly terminated: Uint8Array
  /** [B] 1 where the last step truncated the episode (never together with `terminated`). */
  readonly truncated: Uint8Array
  /** [B, D] the observation an episode ended with; a row holds meaning only where it just ended. */
  readonly finalObservations: Float32Array
  /** [B] return of the running episode, and of the ended one in the step that ended it (read before the next step). */
  readonly episodeReturns: Float64Array
  /** [B] length in env steps, likewise. */
  readonly episodeLengths: Int32Array
  /** Starts every env anew. The same seed gives the same streams, whatever ran before. */
  reset(seed: number): void
  /** Steps every env once. `actions` is [B] indices (discrete) or [B, A] values (box). */
  step(actions: Int32Array | Float32Array): void
}

/** A registered environment: how to make one, or B of them at once where a faster way exists. */
export interface EnvDefinition {
  readonly id: string
  /** Gymnasium's TimeLimit: an episode of this many steps is truncated. */
  readonly maxEpisodeSteps?: number
  make(config: Readonly<Record<string, unknown>>): Env
  /** A specialised vector form; it must give the same trajectories as `make` behind the generic one. */
  makeVector?(numEnvs: number, config: Readonly<Record<string, unknown>>): VectorEnv
}
