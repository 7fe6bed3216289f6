// Typed-array reads use `!`: a state is four numbers at `at`.
import type { Random } from '../random.ts'
import type { BoxSpace, DiscreteSpace } from './space.ts'

const GRAVITY = 9.8
const MASS_POLE = 0.1
const TOTAL_MASS = 1 + MASS_POLE
/** Half the pole's length, metres. */
const LENGTH = 0.5
const POLE_MASS_LENGTH = MASS_POLE * LENGTH
const FORCE = 10
/** Seconds a step. */
const TAU = 0.02
const X_LIMIT = 2.4
const THETA_LIMIT = (12 * 2 * Math.PI) / 360

export const CART_POLE_OBSERVATIONS: BoxSpace = {
  kind: 'box',
  shape: [4],
  low: [-2 * X_LIMIT, -Infinity, -2 * THETA_LIMIT, -Infinity],
  high: [2 * X_LIMIT, Infinity, 2 * THETA_LIMIT, Infinity],
}
export const CART_POLE_ACTIONS: DiscreteSpace = { kind: 'discrete', n: 2 }

/** Draws a first state, every element uniform in [-0.05, 0.05). */
export function resetCartPole(state: Float64Array, at: number, random: Random): void {
  for (let j = 0; j < 4; j++) state[at + j] = random.uniformBetween(-0.05, 0.05)
}

/**
 * One explicit Euler step of the state at `at`. The order of the operations is Gymnasium's, so that results agree to the
 * last bit but for sine and cosine.
 *
 * @returns whether the new state is out of bounds
 */
export function stepCartPole(state: Float64Array, at: number, pushRight: boolean): boolean {
  const xDot = state[at + 1]!
  const theta = state[at + 2]!
  const thetaDot = state[at + 3]!
  const sin = Math.sin(theta)
  const cos = Math.cos(theta)
  const force = pushRight ? FORCE : -FORCE
  const temp = (force + POLE_MASS_LENGTH * (thetaDot * thetaDot) * sin) / TOTAL_MASS
  const thetaAcc = (GRAVITY * sin - cos * temp) / (LENGTH * (4 / 3 - (MASS_POLE * (cos * cos)) / TOTAL_MASS))
  const xAcc = temp - (POLE_MASS_LENGTH * thetaAcc * cos) / TOTAL_MASS
  const x = state[at]! + TAU * xDot
  const newTheta = theta + TAU * thetaDot
  state[at] = x
  state[at + 1] = xDot + TAU * xAcc
  state[at + 2] = newTheta
  state[at + 3] = thetaDot + TAU * thetaAcc
  return x < -X_LIMIT || x > X_LIMIT || newTheta < -THETA_LIMIT || newTheta > THETA_LIMIT
}
