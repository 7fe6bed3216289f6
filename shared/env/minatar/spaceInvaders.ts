// Typed-array reads use `!`: every field is within the row.
import { FIRE, FIRST_FIELD, LEFT, MinAtarGames, type MinAtarOptions, RIGHT, SIDE } from './minAtarGames.ts'

const CANNON = FIRST_FIELD
/** 1 to the right, -1 to the left. */
const DIRECTION = FIRST_FIELD + 1
/** Steps between two moves of the aliens while there are many of them. */
const MOVE_INTERVAL = FIRST_FIELD + 2
const MOVE_TIMER = FIRST_FIELD + 3
const ALIEN_SHOT_TIMER = FIRST_FIELD + 4
const SHOT_TIMER = FIRST_FIELD + 5
const RAMP_INDEX = FIRST_FIELD + 6
/** Ten numbers each, one a row of the field: bit x is the cell in column x. */
const ALIENS = FIRST_FIELD + 7
const SHOTS = ALIENS + SIDE
const ALIEN_SHOTS = SHOTS + SIDE

const SHOT_COOL_DOWN = 5
const FIRST_MOVE_INTERVAL = 12
const LEAST_MOVE_INTERVAL = 6
const ALIEN_SHOT_INTERVAL = 10
const BOTTOM = SIDE - 1
/** A wave of aliens: rows 0 to 3, columns 2 to 7. */
const WAVE_ROWS = 4
const WAVE = 0b0011111100
const EVERY_CELL = 2 ** SIDE - 1

const CHANNELS = { cannon: 0, alien: 1, alienLeft: 2, alienRight: 3, shot: 4, alienShot: 5 }

/**
 * Shoot the aliens before they land. They move sideways together, turn and come down a row at the side of the field, faster the fewer they
 * are; the nearest one shoots. An alien gives 1; when all are shot, a new wave comes, which is faster. A shot or an alien that reaches the
 * cannon ends the episode.
 */
export class SpaceInvaders extends MinAtarGames {
  constructor(count: number, options: MinAtarOptions) {
    super(count, { size: ALIEN_SHOTS + SIDE, channels: 6 }, options)
  }

  protected start(at: number): void {
    const { rows } = this
    rows[at + CANNON] = 5
    rows[at + DIRECTION] = -1
    rows[at + MOVE_INTERVAL] = rows[at + MOVE_TIMER] = FIRST_MOVE_INTERVAL
    rows[at + ALIEN_SHOT_TIMER] = ALIEN_SHOT_INTERVAL
    this.sendWave(at)
  }

  protected play(at: number, action: number): number {
    const { rows } = this
    if (action === LEFT) rows[at + CANNON] = Math.max(0, rows[at + CANNON]! - 1)
    else if (action === RIGHT) rows[at + CANNON] = Math.min(SIDE - 1, rows[at + CANNON]! + 1)
    const fires = action === FIRE && rows[at + SHOT_TIMER] === 0
    this.moveShots(at)
    // A shot leaves the cannon and moves in the same step.
    if (fires) {
      rows[at + SHOTS + BOTTOM - 1]! |= 1 << rows[at + CANNON]!
      rows[at + SHOT_TIMER] = SHOT_COOL_DOWN
    }
    if (this.atCannon(at, ALIEN_SHOTS) || this.atCannon(at, ALIENS)) this.terminated = true
    if (rows[at + MOVE_TIMER] === 0) this.moveAliens(at)
    if (rows[at + ALIEN_SHOT_TIMER] === 0) {
      rows[at + ALIEN_SHOT_TIMER] = ALIEN_SHOT_INTERVAL
      this.shootBack(at)
    }
    const reward = this.hit(at)
    if (rows[at + SHOT_TIMER]! > 0) rows[at + SHOT_TIMER]! -= 1
    rows[at + MOVE_TIMER]! -= 1
    rows[at + ALIEN_SHOT_TIMER]! -= 1
    if (this.countAliens(at) === 0) {
      if (this.ramping && rows[at + MOVE_INTERVAL]! > LEAST_MOVE_INTERVAL) {
        rows[at + MOVE_INTERVAL]! -= 1
        rows[at + RAMP_INDEX]! += 1
      }
      this.sendWave(at)
    }
    return reward
  }

  protected draw(at: number): void {
    const { rows } = this
    this.mark(rows[at + CANNON]!, BOTTOM, CHANNELS.cannon)
    const heading = rows[at + DIRECTION]! < 0 ? CHANNELS.alienLeft : CHANNELS.alienRight
    for (let y = 0; y < SIDE; y++) {
      const aliens = rows[at + ALIENS + y]!
      const shots = rows[at + SHOTS + y]!
      const alienShots = rows[at + ALIEN_SHOTS + y]!
      if ((aliens | shots | alienShots) === 0) continue
      for (let x = 0; x < SIDE; x++) {
        if ((aliens >> x) & 1) {
          this.mark(x, y, CHANNELS.alien)
          this.mark(x, y, heading)
        }
        if ((shots >> x) & 1) this.mark(x, y, CHANNELS.shot)
        if ((alienShots >> x) & 1) this.mark(x, y, CHANNELS.alienShot)
      }
    }
  }

  private sendWave(at: number): void {
    this.rows.fill(WAVE, at + ALIENS, at + ALIENS + WAVE_ROWS)
  }

  /** Shots of the cannon go up a row, those of the aliens down. */
  private moveShots(at: number): void {
    const { rows } = this
    rows.copyWithin(at + SHOTS, at + SHOTS + 1, at + SHOTS + SIDE)
    rows[at + SHOTS + BOTTOM] = 0
    rows.copyWithin(at + ALIEN_SHOTS + 1, at + ALIEN_SHOTS, at + ALIEN_SHOTS + BOTTOM)
    rows[at + ALIEN_SHOTS] = 0
  }

  /** Whether one of these is in the cannon's cell. */
  private atCannon(at: number, cells: number): boolean {
    return ((this.rows[at + cells + BOTTOM]! >> this.rows[at + CANNON]!) & 1) === 1
  }

  private moveAliens(at: number): void {
    const { rows } = this
    rows[at + MOVE_TIMER] = Math.min(this.countAliens(at), rows[at + MOVE_INTERVAL]!)
    const toLeft = rows[at + DIRECTION]! < 0
    const edge = toLeft ? 1 : 1 << (SIDE - 1)
    if ((this.columns(at) & edge) !== 0) {
      rows[at + DIRECTION] = -rows[at + DIRECTION]!
      const landing = rows[at + ALIENS + BOTTOM]!
      if (landing !== 0) this.terminated = true
      rows.copyWithin(at + ALIENS + 1, at + ALIENS, at + ALIENS + BOTTOM)
      rows[at + ALIENS] = landing
    } else {
      for (let y = at + ALIENS; y < at + ALIENS + SIDE; y++) {
        const aliens = rows[y]!
        rows[y] = toLeft ? aliens >> 1 : (aliens << 1) & EVERY_CELL
      }
    }
    if (this.atCannon(at, ALIENS)) this.terminated = true
  }

  /** The lowest alien of the column nearest to the cannon shoots; of two columns as near, the left one. */
  private shootBack(at: number): void {
    const { rows } = this
    const columns = this.columns(at)
    for (let distance = 0; distance < SIDE; distance++) {
      for (let side = -1; side <= 1; side += 2) {
        const x = rows[at + CANNON]! + side * distance
        if (x < 0 || x >= SIDE || ((columns >> x) & 1) === 0) continue
        let y = BOTTOM
        while (((rows[at + ALIENS + y]! >> x) & 1) === 0) y--
        rows[at + ALIEN_SHOTS + y]! |= 1 << x
        return
      }
    }
  }

  /** Takes away aliens and shots that are in the same cell; returns how many aliens. */
  private hit(at: number): number {
    const { rows } = this
    let count = 0
    for (let y = 0; y < SIDE; y++) {
      const both = rows[at + ALIENS + y]! & rows[at + SHOTS + y]!
      if (both === 0) continue
      count += bitCount(both)
      rows[at + ALIENS + y]! ^= both
      rows[at + SHOTS + y]! ^= both
    }
    return count
  }

  /** The columns that have an alien, as bits. */
  private columns(at: number): number {
    let columns = 0
    for (let y = at + ALIENS; y < at + ALIENS + SIDE; y++) columns |= this.rows[y]!
    return columns
  }

  private countAliens(at: number): number {
    let count = 0
    for (let y = at + ALIENS; y < at + ALIENS + SIDE; y++) count += bitCount(this.rows[y]!)
    return count
  }
}

function bitCount(bits: number): number {
  let count = 0
  for (let left = bits; left !== 0; left &= left - 1) count++
  return count
}
