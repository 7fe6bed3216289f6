import type { Random } from '../random.ts'
import { envConfig, stateNumbers } from './config.ts'
import type { Env, EnvAction, EnvConfig, EnvDefinition, PlainData, StepOutcome } from './env.ts'
import type { BoxSpace, DiscreteSpace } from './space.ts'

const [LEFT_WALL, RIGHT_END] = [-1.2, 0.6]
const GOAL = 0.5
const MAX_SPEED = 0.07
const FORCE = 0.001
const GRAVITY = 0.0025

/**
 * Rock an underpowered car up a hill by pushing it left (0), not at all (1) or right (2): Moore (1990), "Efficient
 * Memory-based Learning for Robot Control", in the form of Gymnasium's MountainCar-v0. Reward is -1 a step until the flag at 0.5.
 */
export class MountainCar implements Env {
  readonly observationSpace: BoxSpace = {
    kind: 'box',
    shape: [2],
    low: [LEFT_WALL, -MAX_SPEED],
    high: [RIGHT_END, MAX_SPEED],
  }
  readonly actionSpace: DiscreteSpace = { kind: 'discrete', n: 3 }
  private position = 0
  private velocity = 0
  private readonly outcome: StepOutcome = { reward: -1, terminated: false, truncated: false }

  /** @throws MillraceError E_ENV_CONFIG: it takes no config */
  constructor(config: EnvConfig = {}) {
    envConfig('MountainCar-v0', config, {})
  }

  reset(observation: Float32Array, random: Random): void {
    this.position = random.uniformBetween(-0.6, -0.4)
    this.velocity = 0
    this.observe(observation)
  }

  step(action: EnvAction, observation: Float32Array): StepOutcome {
    const pushed = this.velocity + ((Number(action) - 1) * FORCE + Math.cos(3 * this.position) * -GRAVITY)
    this.velocity = clip(pushed, -MAX_SPEED, MAX_SPEED)
    this.position = clip(this.position + this.velocity, LEFT_WALL, RIGHT_END)
    if (this.position === LEFT_WALL && this.velocity < 0) this.velocity = 0
    this.outcome.terminated = this.position >= GOAL && this.velocity >= 0
    this.observe(observation)
    return this.outcome
  }

  save(): PlainData {
    return [this.position, this.velocity]
  }

  load(state: PlainData): void {
    const [position, velocity] = stateNumbers('MountainCar-v0', state, 2) as readonly [number, number]
    this.position = position
    this.velocity = velocity
  }

  private observe(observation: Float32Array): void {
    observation[0] = this.position
    observation[1] = this.velocity
  }
}

function clip(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high)
}

export const mountainCar: EnvDefinition = {
  id: 'MountainCar-v0',
  maxEpisodeSteps: 200,
  make: (config) => new MountainCar(config),
}
