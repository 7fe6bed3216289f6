// Typed-array reads use `!`: a state is two numbers at `at`, an observation three.
import type { Random } from '../random.ts'
import { envConfig } from './config.ts'
import type { EnvConfig, EnvDefinition } from './env.ts'
import { GameEnv, type GameRules } from './games/gameEnv.ts'
import { GameVector } from './games/gameVector.ts'
import type { Games } from './games/games.ts'

const ID = 'Pendulum-v1'
const STEPS = 200
/** Mass 1 kg and length 1 m. */
const GRAVITY = 10
/** Seconds a step. */
const DT = 0.05
/** Radians a second. */
const MAX_SPEED = 8
/** Newton metres. */
const MAX_TORQUE = 2

/** The state (theta, theta') is float64, theta = 0 upright and not wrapped. One semi-implicit Euler step, in Gymnasium's order of operations. */
class Pendulums implements Games {
  readonly rows: Float64Array
  readonly terminated = false

  constructor(count: number) {
    this.rows = new Float64Array(2 * count)
  }

  reset(index: number, random: Random): void {
    this.rows[2 * index] = random.uniformBetween(-Math.PI, Math.PI)
    this.rows[2 * index + 1] = random.uniformBetween(-1, 1)
  }

  step(index: number, action: number): number {
    const { rows } = this
    const at = 2 * index
    const theta = rows[at]!
    const speed = rows[at + 1]!
    const torque = clip(action, MAX_TORQUE)
    const angle = wrap(theta)
    const cost = angle * angle + 0.1 * (speed * speed) + 0.001 * (torque * torque)
    const pushed = speed + (((3 * GRAVITY) / 2) * Math.sin(theta) + 3 * torque) * DT
    const next = clip(pushed, MAX_SPEED)
    rows[at] = theta + next * DT
    rows[at + 1] = next
    return -cost
  }

  observe(index: number, observations: Float32Array): void {
    const theta = this.rows[2 * index]!
    observations[3 * index] = Math.cos(theta)
    observations[3 * index + 1] = Math.sin(theta)
    observations[3 * index + 2] = this.rows[2 * index + 1]!
  }
}

/** The same angle within [-pi, pi). */
function wrap(angle: number): number {
  const turned = (angle + Math.PI) % (2 * Math.PI)
  return (turned < 0 ? turned + 2 * Math.PI : turned) - Math.PI
}

function clip(value: number, limit: number): number {
  return Math.min(Math.max(value, -limit), limit)
}

const rules: GameRules = {
  id: ID,
  observationSpace: { kind: 'box', shape: [3], low: [-1, -1, -MAX_SPEED], high: [1, 1, MAX_SPEED] },
  actionSpace: { kind: 'box', shape: [1], low: -MAX_TORQUE, high: MAX_TORQUE },
  makeGames: (count) => new Pendulums(count),
}

/**
 * Swing a pendulum up and hold it there with a torque of -2 to 2, in the form of Gymnasium's Pendulum-v1. The observation is the cosine
 * and the sine of the angle, and its speed. Reward is -(theta^2 + 0.1 theta'^2 + 0.001 torque^2), theta within [-pi, pi); never terminates.
 */
export class Pendulum extends GameEnv {
  /** @throws MillraceError E_ENV_CONFIG: it takes no config */
  constructor(config: EnvConfig = {}) {
    envConfig(ID, config, {})
    super(rules)
  }
}

export const pendulum: EnvDefinition = {
  id: ID,
  maxEpisodeSteps: STEPS,
  make: (config) => new Pendulum(config),
  makeVector: (numEnvs, config) => {
    envConfig(ID, config, {})
    return new GameVector(rules, numEnvs, STEPS)
  },
}
