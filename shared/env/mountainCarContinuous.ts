// Typed-array reads use `!`: a state is two numbers at `at`, and so is an observation.
import type { Random } from '../random.ts'
import { envConfig } from './config.ts'
import type { EnvConfig, EnvDefinition } from './env.ts'
import { GameEnv, type GameRules } from './games/gameEnv.ts'
import { GameVector } from './games/gameVector.ts'
import type { Games } from './games/games.ts'

const ID = 'MountainCarContinuous-v0'
const STEPS = 999
const [LEFT_WALL, RIGHT_END] = [-1.2, 0.6]
const GOAL = 0.45
const MAX_SPEED = 0.07
const POWER = 0.0015
const GRAVITY = 0.0025

/** The state (position, velocity) is float64 in a first state and float32 after every step, as Gymnasium's is. */
class Cars implements Games {
  readonly rows: Float64Array
  terminated = false

  constructor(count: number) {
    this.rows = new Float64Array(2 * count)
  }

  reset(index: number, random: Random): void {
    this.rows[2 * index] = random.uniformBetween(-0.6, -0.4)
    this.rows[2 * index + 1] = 0
  }

  step(index: number, action: number): number {
    const { rows } = this
    const at = 2 * index
    const pushed = rows[at + 1]! + (clip(action, -1, 1) * POWER - GRAVITY * Math.cos(3 * rows[at]!))
    let velocity = clip(pushed, -MAX_SPEED, MAX_SPEED)
    const position = clip(rows[at]! + velocity, LEFT_WALL, RIGHT_END)
    if (position === LEFT_WALL && velocity < 0) velocity = 0
    this.terminated = position >= GOAL && velocity >= 0 // before the rounding, which may take the car back over the line
    rows[at] = Math.fround(position)
    rows[at + 1] = Math.fround(velocity)
    return (this.terminated ? 100 : 0) - action * action * 0.1
  }

  observe(index: number, observations: Float32Array): void {
    observations[2 * index] = this.rows[2 * index]!
    observations[2 * index + 1] = this.rows[2 * index + 1]!
  }
}

function clip(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high)
}

const rules: GameRules = {
  id: ID,
  observationSpace: { kind: 'box', shape: [2], low: [LEFT_WALL, -MAX_SPEED], high: [RIGHT_END, MAX_SPEED] },
  actionSpace: { kind: 'box', shape: [1], low: -1, high: 1 },
  makeGames: (count) => new Cars(count),
}

/**
 * Rock an underpowered car up a hill with a force of -1 to 1: Moore (1990), "Efficient Memory-based Learning for Robot Control", in the
 * form of Gymnasium's MountainCarContinuous-v0. A step costs 0.1 force^2; the flag at 0.45 gives 100 and terminates.
 */
export class MountainCarContinuous extends GameEnv {
  /** @throws MillraceError E_ENV_CONFIG: it takes no config */
  constructor(config: EnvConfig = {}) {
    envConfig(ID, config, {})
    super(rules)
  }
}

export const mountainCarContinuous: EnvDefinition = {
  id: ID,
  maxEpisodeSteps: STEPS,
  make: (config) => new MountainCarContinuous(config),
  makeVector: (numEnvs, config) => {
    envConfig(ID, config, {})
    return new GameVector(rules, numEnvs, STEPS)
  },
}
