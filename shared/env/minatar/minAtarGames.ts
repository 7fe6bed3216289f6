// Typed-array reads use `!`: a row has `size` numbers.
import type { Random } from '../../random.ts'
import type { Games } from '../games/games.ts'

/** MinAtar's six actions, by their index in the full set: nothing, the four directions, fire. */
export const NOTHING = 0
export const LEFT = 1
export const UP = 2
export const RIGHT = 3
export const DOWN = 4
export const FIRE = 5

/** Cells a side of the field. */
export const SIDE = 10
const CELLS = SIDE * SIDE

/** Where a row keeps the last action; the games' own numbers come after it. */
const LAST_ACTION = 0
export const FIRST_FIELD = 1

export interface MinAtarOptions {
  /** Probability that a step plays the last action again, whatever was asked for. */
  readonly stickyActionProbability: number
  /** Whether a game gets harder with time, where it can. */
  readonly difficultyRamping: boolean
  /** What each action of the env is in the full set. */
  readonly actions: readonly number[]
}

/** What a game needs. */
interface Layout {
  /** Numbers of a row, FIRST_FIELD included. */
  readonly size: number
  readonly channels: number
}

/**
 * What the five games of MinAtar have in common: a field of 10 x 10 cells with some channels of 0 and 1 (row, column, channel), and
 * sticky actions. The last action is kept from one episode to the next, as MinAtar keeps it.
 */
export abstract class MinAtarGames implements Games {
  readonly rows: Int32Array
  terminated = false
  protected readonly size: number
  private readonly channels: number
  protected readonly ramping: boolean
  private readonly sticky: number
  private readonly actions: Int32Array
  /** What `mark` writes into, and where. */
  private drawn: Float32Array | Uint8Array = new Uint8Array(0)
  private corner = 0

  constructor(count: number, { size, channels }: Layout, options: MinAtarOptions) {
    this.size = size
    this.channels = channels
    this.rows = new Int32Array(count * size)
    this.ramping = options.difficultyRamping
    this.sticky = options.stickyActionProbability
    this.actions = Int32Array.from(options.actions)
  }

  reset(index: number, random: Random): void {
    const at = index * this.size
    this.rows.fill(0, at + FIRST_FIELD, at + this.size)
    this.start(at, random)
  }

  step(index: number, action: number, random: Random): number {
    const at = index * this.size
    const last = this.rows[at + LAST_ACTION]!
    const played = random.uniform() < this.sticky ? last : this.actions[action]!
    this.rows[at + LAST_ACTION] = played
    this.terminated = false
    return this.play(at, played, random)
  }

  observe(index: number, observations: Float32Array | Uint8Array): void {
    this.drawn = observations
    this.corner = index * CELLS * this.channels
    observations.fill(0, this.corner, this.corner + CELLS * this.channels)
    this.draw(index * this.size)
  }

  /** Sets up an episode in the row at `at`, which is all 0 but for the last action. */
  protected abstract start(at: number, random: Random): void
  /** Plays an action of the full set; sets `terminated` where it ends the episode. Returns the reward. */
  protected abstract play(at: number, action: number, random: Random): number
  /** Marks every cell and channel of the observation that is 1. */
  protected abstract draw(at: number): void

  protected mark(x: number, y: number, channel: number): void {
    this.drawn[this.corner + (y * SIDE + x) * this.channels + channel] = 1
  }
}
