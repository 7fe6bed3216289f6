// Typed-array reads use `!`: every field is within the row.
import type { Random } from '../../random.ts'
import { DOWN, FIRST_FIELD, LEFT, MinAtarGames, type MinAtarOptions, RIGHT, SIDE, UP } from './minAtarGames.ts'

const PLAYER_X = FIRST_FIELD
const PLAYER_Y = FIRST_FIELD + 1
/** Steps between two things that come in, and between two moves of all of them; both count down to the next. */
const SPAWN_SPEED = FIRST_FIELD + 2
const SPAWN_TIMER = FIRST_FIELD + 3
const MOVE_SPEED = FIRST_FIELD + 4
const MOVE_TIMER = FIRST_FIELD + 5
const RAMP_TIMER = FIRST_FIELD + 6
const RAMP_INDEX = FIRST_FIELD + 7
/** Eight things, one in each of the field's rows 1 to 8: KIND, X and DIRECTION (1 to the right, -1 to the left). */
const THINGS = FIRST_FIELD + 8
const THING_COUNT = 8
const WIDTH = 3
const [KIND, X, DIRECTION] = [0, 1, 2]
const NONE = 0
const ENEMY = 1
const GOLD = 2

const FIRST_SPAWN_SPEED = 10
const FIRST_MOVE_SPEED = 5
const RAMP_INTERVAL = 100

const CHANNELS = { player: 0, enemy: 1, trail: 2, gold: 3 }

/**
 * Collect gold and keep out of the way of enemies. Both come in from the sides, one a row, and cross the field; gold gives 1, an enemy ends
 * the episode. With time they come faster and more often. A trail shows where each came from.
 */
export class Asterix extends MinAtarGames {
  private readonly free = new Int32Array(THING_COUNT)

  constructor(count: number, options: MinAtarOptions) {
    super(count, { size: THINGS + THING_COUNT * WIDTH, channels: 4 }, options)
  }

  protected start(at: number): void {
    const { rows } = this
    rows[at + PLAYER_X] = 5
    rows[at + PLAYER_Y] = 5
    rows[at + SPAWN_SPEED] = rows[at + SPAWN_TIMER] = FIRST_SPAWN_SPEED
    rows[at + MOVE_SPEED] = rows[at + MOVE_TIMER] = FIRST_MOVE_SPEED
    rows[at + RAMP_TIMER] = RAMP_INTERVAL
  }

  protected play(at: number, action: number, random: Random): number {
    const { rows } = this
    if (rows[at + SPAWN_TIMER] === 0) {
      this.spawn(at, random)
      rows[at + SPAWN_TIMER] = rows[at + SPAWN_SPEED]!
    }
    if (action === LEFT) rows[at + PLAYER_X] = Math.max(0, rows[at + PLAYER_X]! - 1)
    else if (action === RIGHT) rows[at + PLAYER_X] = Math.min(SIDE - 1, rows[at + PLAYER_X]! + 1)
    else if (action === UP) rows[at + PLAYER_Y] = Math.max(1, rows[at + PLAYER_Y]! - 1)
    else if (action === DOWN) rows[at + PLAYER_Y] = Math.min(SIDE - 2, rows[at + PLAYER_Y]! + 1)
    let reward = this.meet(at)
    if (rows[at + MOVE_TIMER] === 0) {
      rows[at + MOVE_TIMER] = rows[at + MOVE_SPEED]!
      this.moveThings(at)
      reward += this.meet(at)
    }
    rows[at + SPAWN_TIMER]! -= 1
    rows[at + MOVE_TIMER]! -= 1
    if (this.ramping && (rows[at + SPAWN_SPEED]! > 1 || rows[at + MOVE_SPEED]! > 1)) this.ramp(at)
    return reward
  }

  protected draw(at: number): void {
    const { rows } = this
    this.mark(rows[at + PLAYER_X]!, rows[at + PLAYER_Y]!, CHANNELS.player)
    for (let slot = 0; slot < THING_COUNT; slot++) {
      const thing = at + THINGS + slot * WIDTH
      const kind = rows[thing + KIND]!
      if (kind === NONE) continue
      const x = rows[thing + X]!
      this.mark(x, slot + 1, kind === GOLD ? CHANNELS.gold : CHANNELS.enemy)
      const behind = x - rows[thing + DIRECTION]!
      if (behind >= 0 && behind < SIDE) this.mark(behind, slot + 1, CHANNELS.trail)
    }
  }

  /** Lets the player take, or be caught by, what is in its cell. */
  private meet(at: number): number {
    const { rows } = this
    const thing = at + THINGS + (rows[at + PLAYER_Y]! - 1) * WIDTH
    if (rows[thing + KIND] === NONE || rows[thing + X] !== rows[at + PLAYER_X]) return 0
    if (rows[thing + KIND] === GOLD) {
      rows[thing + KIND] = NONE
      return 1
    }
    this.terminated = true
    return 0
  }

  private moveThings(at: number): void {
    const { rows } = this
    for (let thing = at + THINGS; thing < at + this.size; thing += WIDTH) {
      if (rows[thing + KIND] === NONE) continue
      const x = (rows[thing + X]! += rows[thing + DIRECTION]!)
      if (x < 0 || x >= SIDE) rows[thing + KIND] = NONE
    }
  }

  /** One more enemy or piece of gold, in a row that has none; nothing where all have one. */
  private spawn(at: number, random: Random): void {
    const { rows, free } = this
    const fromLeft = random.uniform() < 1 / 2
    const isGold = random.uniform() < 1 / 3
    let count = 0
    for (let slot = 0; slot < THING_COUNT; slot++)
      if (rows[at + THINGS + slot * WIDTH + KIND] === NONE) free[count++] = slot
    if (count === 0) return
    const thing = at + THINGS + free[random.integer(count)]! * WIDTH
    rows[thing + KIND] = isGold ? GOLD : ENEMY
    rows[thing + X] = fromLeft ? 0 : SIDE - 1
    rows[thing + DIRECTION] = fromLeft ? 1 : -1
  }

  /** Things come more often after every interval, and move faster after every other one. */
  private ramp(at: number): void {
    const { rows } = this
    if (rows[at + RAMP_TIMER]! >= 0) {
      rows[at + RAMP_TIMER]! -= 1
      return
    }
    if (rows[at + MOVE_SPEED]! > 1 && rows[at + RAMP_INDEX]! % 2 === 1) rows[at + MOVE_SPEED]! -= 1
    if (rows[at + SPAWN_SPEED]! > 1) rows[at + SPAWN_SPEED]! -= 1
    rows[at + RAMP_INDEX]! += 1
    rows[at + RAMP_TIMER] = RAMP_INTERVAL
  }
}
