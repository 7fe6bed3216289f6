// Typed-array reads use `!`: every field is within the row.
import type { Random } from '../../random.ts'
import type { ItemList } from './itemList.ts'
import { DOWN, FIRE, LEFT, RIGHT, SIDE, UP } from './minAtarGames.ts'
import {
  DIRECTION,
  DIVER_INTERVAL,
  FIRE_TIMER,
  GAUGE,
  MOST_OXYGEN,
  MOVE_TIMER,
  SEAQUEST_FIELDS as FIELD,
  SHOT_WIDTH,
  SeaquestState,
  X,
  Y,
} from './seaquestState.ts'

const MOST_DIVERS = 6
const SHOT_COOL_DOWN = 5
const ENEMY_SHOT_INTERVAL = 10
const LEAST_MOVE_INTERVAL = 2
const DIVER_MOVE_INTERVAL = 5

/**
 * Steer a submarine, shoot fish and enemy submarines (1 each), take divers aboard and bring them to the surface before the oxygen is used
 * up. With six divers aboard the surface gives up to 10, by the oxygen that is left; with fewer one goes ashore; with none the episode ends,
 * as it does without oxygen and at the touch of an enemy or its shot. With every surfacing the enemies come more often, and faster.
 */
export class Seaquest extends SeaquestState {
  protected play(at: number, action: number, random: Random): number {
    const { rows } = this
    if (rows[at + FIELD.enemyTimer] === 0) {
      this.spawnEnemy(at, random)
      rows[at + FIELD.enemyTimer] = rows[at + FIELD.enemyInterval]!
    }
    if (rows[at + FIELD.diverTimer] === 0) {
      this.spawnDiver(at, random)
      rows[at + FIELD.diverTimer] = DIVER_INTERVAL
    }
    this.act(at, action)
    let reward = this.moveShots(at)
    this.moveDivers(at)
    reward += this.moveEnemies(at, this.enemySubs)
    this.moveEnemyShots(at)
    reward += this.moveEnemies(at, this.fish)
    if (rows[at + FIELD.enemyTimer]! > 0) rows[at + FIELD.enemyTimer]! -= 1
    if (rows[at + FIELD.diverTimer]! > 0) rows[at + FIELD.diverTimer]! -= 1
    if (rows[at + FIELD.shotTimer]! > 0) rows[at + FIELD.shotTimer]! -= 1
    return reward + this.breathe(at)
  }

  private act(at: number, action: number): void {
    const { rows } = this
    const x = rows[at + FIELD.subX]!
    const y = rows[at + FIELD.subY]!
    if (action === UP) rows[at + FIELD.subY] = Math.max(0, y - 1)
    else if (action === DOWN) rows[at + FIELD.subY] = Math.min(SIDE - 2, y + 1)
    else if (action === LEFT || action === RIGHT) {
      const facing = (rows[at + FIELD.facing] = action === RIGHT ? 1 : -1)
      rows[at + FIELD.subX] = Math.min(Math.max(x + facing, 0), SIDE - 1)
    } else if (action === FIRE && rows[at + FIELD.shotTimer] === 0) {
      this.launch(at, this.shots, at + FIELD.subX)
      rows[at + FIELD.shotTimer] = SHOT_COOL_DOWN
    }
  }

  /** Adds a shot that starts where the three numbers at `from` say: x, y, direction. */
  private launch(at: number, list: ItemList, from: number): void {
    this.rows.copyWithin(list.append(at), from, from + SHOT_WIDTH)
  }

  /** Moves the submarine's shots; each takes away the first fish, else the first enemy submarine, in its cell. Returns how many. */
  private moveShots(at: number): number {
    const { rows, shots } = this
    let hits = 0
    for (let i = shots.length(at) - 1; i >= 0; i--) {
      const shot = shots.item(at, i)
      const x = (rows[shot + X]! += rows[shot + DIRECTION]!)
      if (x < 0 || x >= SIDE) {
        shots.remove(at, i)
        continue
      }
      const hitFish = this.fish.find(at, x, rows[shot + Y]!)
      const hitSub = hitFish >= 0 ? -1 : this.enemySubs.find(at, x, rows[shot + Y]!)
      if (hitFish >= 0) this.fish.remove(at, hitFish)
      if (hitSub >= 0) this.enemySubs.remove(at, hitSub)
      if (hitFish < 0 && hitSub < 0) continue
      shots.remove(at, i)
      hits++
    }
    return hits
  }

  private moveDivers(at: number): void {
    const { rows, divers } = this
    for (let i = divers.length(at) - 1; i >= 0; i--) {
      const diver = divers.item(at, i)
      if (this.takesAboard(at, diver)) {
        divers.remove(at, i)
      } else if (rows[diver + MOVE_TIMER]! > 0) {
        rows[diver + MOVE_TIMER]! -= 1
      } else {
        rows[diver + MOVE_TIMER] = DIVER_MOVE_INTERVAL
        const x = (rows[diver + X]! += rows[diver + DIRECTION]!)
        if (x < 0 || x >= SIDE || this.takesAboard(at, diver)) divers.remove(at, i)
      }
    }
  }

  private takesAboard(at: number, diver: number): boolean {
    if (!this.touchesSub(at, diver) || this.rows[at + FIELD.diversAboard]! >= MOST_DIVERS) return false
    this.rows[at + FIELD.diversAboard]! += 1
    return true
  }

  /** Moves fish, or enemy submarines, which also shoot. One that runs into a shot is taken away with it. Returns how many. */
  private moveEnemies(at: number, list: ItemList): number {
    const { rows, shots } = this
    let hits = 0
    for (let i = list.length(at) - 1; i >= 0; i--) {
      const enemy = list.item(at, i)
      let gone = false
      if (this.touchesSub(at, enemy)) this.terminated = true
      if (rows[enemy + MOVE_TIMER]! > 0) {
        rows[enemy + MOVE_TIMER]! -= 1
      } else {
        rows[enemy + MOVE_TIMER] = rows[at + FIELD.moveInterval]!
        const x = (rows[enemy + X]! += rows[enemy + DIRECTION]!)
        gone = x < 0 || x >= SIDE
        if (!gone && this.touchesSub(at, enemy)) {
          this.terminated = true
        } else if (!gone) {
          const shot = shots.find(at, x, rows[enemy + Y]!)
          gone = shot >= 0
          if (shot >= 0) shots.remove(at, shot)
          if (shot >= 0) hits++
        }
      }
      if (list === this.enemySubs) this.shootBack(at, enemy) // also where it is gone, as in MinAtar
      if (gone) list.remove(at, i)
    }
    return hits
  }

  private shootBack(at: number, enemy: number): void {
    const { rows } = this
    if (rows[enemy + FIRE_TIMER]! > 0) {
      rows[enemy + FIRE_TIMER]! -= 1
      return
    }
    rows[enemy + FIRE_TIMER] = ENEMY_SHOT_INTERVAL
    this.launch(at, this.enemyShots, enemy)
  }

  private moveEnemyShots(at: number): void {
    const { rows, enemyShots } = this
    for (let i = enemyShots.length(at) - 1; i >= 0; i--) {
      const shot = enemyShots.item(at, i)
      if (this.touchesSub(at, shot)) this.terminated = true
      const x = (rows[shot + X]! += rows[shot + DIRECTION]!)
      if (x < 0 || x >= SIDE) enemyShots.remove(at, i)
      else if (this.touchesSub(at, shot)) this.terminated = true
    }
  }

  /** Uses oxygen under water; ends the episode where there is none. Returns the reward of surfacing. */
  private breathe(at: number): number {
    const { rows } = this
    if (rows[at + FIELD.oxygen]! <= 0) this.terminated = true
    if (rows[at + FIELD.subY]! > 0) {
      rows[at + FIELD.oxygen]! -= 1
      rows[at + FIELD.surfaced] = 0
      return 0
    }
    if (rows[at + FIELD.surfaced] === 1) return 0
    if (rows[at + FIELD.diversAboard] === 0) {
      this.terminated = true
      return 0
    }
    return this.surface(at)
  }

  /**
   * Takes all six divers ashore for a reward, or one for none; fills up the oxygen. After six MinAtar takes one more, so that there are
   * -1 aboard: kept, for the next surfacing depends on it.
   */
  private surface(at: number): number {
    const { rows } = this
    rows[at + FIELD.surfaced] = 1
    let reward = 0
    if (rows[at + FIELD.diversAboard] === MOST_DIVERS) {
      rows[at + FIELD.diversAboard] = 0
      reward = Math.floor((rows[at + FIELD.oxygen]! * GAUGE) / MOST_OXYGEN)
    }
    rows[at + FIELD.oxygen] = MOST_OXYGEN
    rows[at + FIELD.diversAboard]! -= 1
    if (this.ramping) this.ramp(at)
    return reward
  }

  /** Enemies come more often, and at every other time move faster. */
  private ramp(at: number): void {
    const { rows } = this
    const interval = rows[at + FIELD.enemyInterval]!
    const moveInterval = rows[at + FIELD.moveInterval]!
    if (interval <= 1 && moveInterval <= LEAST_MOVE_INTERVAL) return
    const faster = moveInterval > LEAST_MOVE_INTERVAL && rows[at + FIELD.rampIndex]! % 2 === 1
    if (faster) rows[at + FIELD.moveInterval] = moveInterval - 1
    if (interval > 1) rows[at + FIELD.enemyInterval] = interval - 1
    rows[at + FIELD.rampIndex]! += 1
  }

  /** A fish, or a submarine for every third one, at a side of the field; none where one in its row goes the other way. */
  private spawnEnemy(at: number, random: Random): void {
    const { rows } = this
    const fromLeft = random.uniform() < 1 / 2
    const isSub = random.uniform() < 1 / 3
    const y = 1 + random.integer(SIDE - 2)
    const direction = fromLeft ? 1 : -1
    if (this.hasOncoming(at, this.enemySubs, y * direction) || this.hasOncoming(at, this.fish, y * direction)) return
    const enemy = (isSub ? this.enemySubs : this.fish).append(at)
    rows[enemy + X] = fromLeft ? 0 : SIDE - 1
    rows[enemy + Y] = y
    rows[enemy + DIRECTION] = direction
    rows[enemy + MOVE_TIMER] = rows[at + FIELD.moveInterval]!
    if (isSub) rows[enemy + FIRE_TIMER] = ENEMY_SHOT_INTERVAL
  }

  /** @param course row times direction of the one that would come in; no row is 0 */
  private hasOncoming(at: number, list: ItemList, course: number): boolean {
    const count = list.length(at)
    for (let i = 0; i < count; i++) {
      const item = list.item(at, i)
      if (this.rows[item + Y]! * this.rows[item + DIRECTION]! === -course) return true
    }
    return false
  }

  private spawnDiver(at: number, random: Random): void {
    const { rows } = this
    const fromLeft = random.uniform() < 1 / 2
    const diver = this.divers.append(at)
    rows[diver + X] = fromLeft ? 0 : SIDE - 1
    rows[diver + Y] = 1 + random.integer(SIDE - 2)
    rows[diver + DIRECTION] = fromLeft ? 1 : -1
    rows[diver + MOVE_TIMER] = DIVER_MOVE_INTERVAL
  }
}
