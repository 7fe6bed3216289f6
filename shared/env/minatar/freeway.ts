// Typed-array reads use `!`: every field is within the row.
import type { Random } from '../../random.ts'
import { DOWN, FIRST_FIELD, MinAtarGames, type MinAtarOptions, SIDE, UP } from './minAtarGames.ts'

const CHICKEN = FIRST_FIELD
/** Steps until the chicken can move again. */
const MOVE_TIMER = FIRST_FIELD + 1
const TIME_LEFT = FIRST_FIELD + 2
/** Eight cars, one in each of the field's rows 1 to 8: X, TIMER and SPEED (steps a cell, less than 0 to the left). */
const CARS = FIRST_FIELD + 3
const CAR_COUNT = 8
const WIDTH = 3
const [X, TIMER, SPEED] = [0, 1, 2]

const STEPS_A_MOVE = 3
const TIME = 2500
const SLOWEST = 5
/** The chicken's column. */
const COLUMN = 4
const START = SIDE - 1

/** The trails of cars that move every step, every second one … have channels 2 to 6. */
const CHANNELS = { chicken: 0, car: 1, fastest: 2 }

/**
 * Cross a road of eight lanes. The chicken can move every third step; a car sends it back to the start. At the top it gets 1, goes back to
 * the start, and all cars get new speeds. Cars come in again at the other side. The episode ends after 2,501 steps.
 */
export class Freeway extends MinAtarGames {
  constructor(count: number, options: MinAtarOptions) {
    super(count, { size: CARS + CAR_COUNT * WIDTH, channels: 7 }, options)
  }

  protected start(at: number, random: Random): void {
    const { rows } = this
    rows[at + CHICKEN] = START
    rows[at + MOVE_TIMER] = STEPS_A_MOVE
    rows[at + TIME_LEFT] = TIME
    this.drawSpeeds(at, random)
  }

  protected play(at: number, action: number, random: Random): number {
    const { rows } = this
    let reward = 0
    if ((action === UP || action === DOWN) && rows[at + MOVE_TIMER] === 0) {
      rows[at + MOVE_TIMER] = STEPS_A_MOVE
      const to = rows[at + CHICKEN]! + (action === UP ? -1 : 1)
      rows[at + CHICKEN] = Math.min(Math.max(to, 0), SIDE - 1)
    }
    if (rows[at + CHICKEN] === 0) {
      reward = 1
      this.drawSpeeds(at, random)
      rows[at + CHICKEN] = START
    }
    this.moveCars(at)
    if (rows[at + MOVE_TIMER]! > 0) rows[at + MOVE_TIMER]! -= 1
    this.terminated = --rows[at + TIME_LEFT]! < 0
    return reward
  }

  protected draw(at: number): void {
    const { rows } = this
    this.mark(COLUMN, rows[at + CHICKEN]!, CHANNELS.chicken)
    for (let i = 0; i < CAR_COUNT; i++) {
      const car = at + CARS + i * WIDTH
      const x = rows[car + X]!
      const speed = rows[car + SPEED]!
      this.mark(x, i + 1, CHANNELS.car)
      const behind = (x + (speed > 0 ? SIDE - 1 : 1)) % SIDE
      this.mark(behind, i + 1, CHANNELS.fastest + Math.abs(speed) - 1)
    }
  }

  private moveCars(at: number): void {
    const { rows } = this
    for (let i = 0; i < CAR_COUNT; i++) {
      const car = at + CARS + i * WIDTH
      this.hit(at, i)
      if (rows[car + TIMER]! > 0) {
        rows[car + TIMER]! -= 1
        continue
      }
      const speed = rows[car + SPEED]!
      rows[car + TIMER] = Math.abs(speed)
      rows[car + X] = (rows[car + X]! + (speed > 0 ? 1 : SIDE - 1)) % SIDE
      this.hit(at, i)
    }
  }

  /** Sends the chicken back where car i is in its cell. */
  private hit(at: number, i: number): void {
    const { rows } = this
    if (rows[at + CARS + i * WIDTH + X] === COLUMN && rows[at + CHICKEN] === i + 1) rows[at + CHICKEN] = START
  }

  /** A speed and a direction for every car; where it is it stays. */
  private drawSpeeds(at: number, random: Random): void {
    const { rows } = this
    for (let car = at + CARS; car < at + this.size; car += WIDTH) rows[car + TIMER] = 1 + random.integer(SLOWEST)
    for (let car = at + CARS; car < at + this.size; car += WIDTH)
      rows[car + SPEED] = random.uniform() < 1 / 2 ? -rows[car + TIMER]! : rows[car + TIMER]!
  }
}
