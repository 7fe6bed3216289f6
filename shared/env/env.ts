import type { Random } from '../random.ts'
import type { BoxSpace, Space } from './space.ts'

/** What JSON can hold. Numbers survive exactly; use it for everything that has to outlive a process. */
export type PlainData = null | boolean | number | string | readonly PlainData[] | { readonly [key: string]: PlainData }

/** The config of an environment, as an experiment file gives it and a lease carries it. */
export type EnvConfig = Readonly<Record<string, unknown>>

/** The result of one step. `terminated`: the task ended. `truncated`: it was cut off from outside (a time limit). */
export interface StepOutcome {
  reward: number
  terminated: boolean
  truncated: boolean
}

/** One action: its index when discrete, an Int32Array of indices for several choices, a Float32Array of a box. */
export type EnvAction = number | Int32Array | Float32Array

/**
 * One environment, with Gymnasium's semantics. This is what a user writes.
 *
 * Observations are written into a buffer of the caller (`Float32Array` of the observation space's size, flattened), so
 * that stepping allocates nothing. A discrete observation is one element that holds the index; a VectorEnv makes it one-hot.
 * An observation of dtype uint8 is written as numbers, too; from there on it is bytes.
 */
export interface Env {
  readonly observationSpace: Space
  readonly actionSpace: Space
  /**
   * Starts an episode and writes every element of its first observation; returns nothing, and is not async. All randomness of the
   * episode comes from `random`.
   */
  reset(observation: Float32Array, random: Random): void
  /**
   * Applies one action and writes the next observation; elements that it does not write stay as they were. Not async. The returned
   * object may be the same one at every call.
   */
  step(action: EnvAction, observation: Float32Array): StepOutcome
  /**
   * Says which actions may be taken from the observation that was written last: an env that has it writes 0 where an action may not. The mask
   * comes with a 1 for every action, A of a discrete space, nvec[0] + nvec[1] + … of several choices, one choice after another; every choice
   * must keep one. A masked action is never taken, and its probability is not learned from.
   */
  actionMask?(mask: Uint8Array): void
  /** The state within the episode, so that it can outlive a lease. An env without `save` and `load` starts anew instead. */
  save?(): PlainData
  /** Goes on from a saved state; all further randomness comes from `random`. */
  load?(state: PlainData, random: Random): void
  /** Ends what the env holds open (a process, a socket, a file). Called once, when nobody will step it any more; not async. */
  close?(): void
}

/**
 * B environments stepped as one, over typed arrays. An env whose episode ended is reset within the same step: its
 * `observations` row is the first of the next episode, and `finalObservations` keeps the last one of the ended episode.
 */
export interface VectorEnv {
  readonly numEnvs: number
  readonly observationSpace: BoxSpace
  readonly actionSpace: Space
  /** The env's own observation is an index 0 … n-1, and a row of `observations` has n numbers with a 1 there. */
  readonly oneHot?: boolean
  /** [B, D] observations the next actions are chosen from; bytes where the space is of dtype uint8. The buffer is always the same object. */
  readonly observations: Float32Array | Uint8Array
  /** [B, P] 0 where an action may not be taken next, see `Env.actionMask`; the same object always. None where every action may always be. */
  readonly actionMasks?: Uint8Array | undefined
  /** [B] rewards of the last step. */
  readonly rewards: Float32Array
  /** [B] 1 where the last step terminated the episode. */
  readonly terminated: Uint8Array
  /** [B] 1 where the last step truncated the episode (never together with `terminated`). */
  readonly truncated: Uint8Array
  /** [B, D] the observation an episode ended with; a row is valid only where an episode just ended. */
  readonly finalObservations: Float32Array | Uint8Array
  /** [B] return of the running episode, and of the ended one in the step that ended it (read before the next step). */
  readonly episodeReturns: Float64Array
  /** [B] length in env steps, likewise. */
  readonly episodeLengths: Int32Array
  /** Starts every env anew. The same seed gives the same streams, whatever ran before. */
  reset(seed: number): void
  /** Steps every env once. `actions` is [B] indices (discrete), [B, D] indices (several choices) or [B, A] values (box). */
  step(actions: Int32Array | Float32Array): void
  /** Can its environments be saved? Where it is not said, they can if there is a `save`. */
  readonly canSave?: boolean
  /** Everything the next steps depend on; `undefined` where the environment itself cannot be saved. */
  save?(): VectorEnvState | undefined
  /** Goes on as the saved vector of the same size would have. */
  load?(state: VectorEnvState): void
  /** Closes every env; the vector cannot be used afterwards. */
  close?(): void
}

/** A saved VectorEnv: one entry an env in every list (D in a row for `observations`), so that any form of it can go on. */
export interface VectorEnvState {
  readonly observations: readonly number[]
  readonly episodeReturns: readonly number[]
  readonly episodeLengths: readonly number[]
  readonly randoms: readonly (readonly [number, number, number, number])[]
  readonly envs: readonly PlainData[]
}

/** A registered environment: how to make one, or B of them at once where a faster way exists. */
export interface EnvDefinition {
  readonly id: string
  /** Gymnasium's TimeLimit: an episode of this many steps is truncated. */
  readonly maxEpisodeSteps?: number
  make(config: EnvConfig): Env
  /** A specialised vector form; it must give the same trajectories as `make` behind the generic one. */
  makeVector?(numEnvs: number, config: EnvConfig): VectorEnv
}
