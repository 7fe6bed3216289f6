import type { Random } from '../../random.ts'

/**
 * B games of one kind, the state of each in a row of one typed array. An env of one game (GameEnv) and a vector of B (GameVector)
 * are both made of this, so that they cannot differ.
 */
export interface Games {
  /** [B, S] the whole state of every game: saved and loaded as it is, and all 0 before the first episode. */
  readonly rows: Float64Array | Int32Array
  /** Whether the last `step` ended its episode. */
  readonly terminated: boolean
  /** Starts an episode of one game. What the game keeps from one episode to the next is in its row. */
  reset(index: number, random: Random): void
  /**
   * Plays one step of one game. Nothing is allocated.
   *
   * @param action the index of a discrete action, or the value of a box of one element
   * @returns the reward
   */
  step(index: number, action: number, random: Random): number
  /** Writes row `index` of `observations`, all of it. */
  observe(index: number, observations: Float32Array | Uint8Array): void
}
