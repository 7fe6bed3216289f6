import type { Random } from '../random.ts'
import { envConfig, stateNumbers } from './config.ts'
import type { Env, EnvAction, EnvConfig, EnvDefinition, PlainData, StepOutcome } from './env.ts'
import type { BoxSpace, DiscreteSpace } from './space.ts'

/** Both links: mass and length 1, centre of mass in the middle, moment of inertia 1. */
const CENTRE = 0.5
const INERTIA = 1
const GRAVITY = 9.8
/** Seconds a step. */
const DT = 0.2
const [MAX_SPEED_1, MAX_SPEED_2] = [4 * Math.PI, 9 * Math.PI]

/** Two angles and their speeds. */
type State = readonly [number, number, number, number]

/**
 * Swing the tip of a two-link pendulum above the bar with a torque of -1 (0), 0 (1) or 1 (2) on the joint between the links:
 * Sutton (1996), "Generalization in Reinforcement Learning: Successful Examples Using Sparse Coarse Coding", with the dynamics
 * of Sutton & Barto's book, in the form of Gymnasium's Acrobot-v1. Reward is -1 a step, 0 for the one that gets there.
 */
export class Acrobot implements Env {
  readonly observationSpace: BoxSpace = {
    kind: 'box',
    shape: [6],
    low: [-1, -1, -1, -1, -MAX_SPEED_1, -MAX_SPEED_2],
    high: [1, 1, 1, 1, MAX_SPEED_1, MAX_SPEED_2],
  }
  readonly actionSpace: DiscreteSpace = { kind: 'discrete', n: 3 }
  private state: State = [0, 0, 0, 0]
  private readonly outcome: StepOutcome = { reward: -1, terminated: false, truncated: false }

  /** @throws MillraceError E_ENV_CONFIG: it takes no config */
  constructor(config: EnvConfig = {}) {
    envConfig('Acrobot-v1', config, {})
  }

  /** The first state is float32, as Gymnasium's is. */
  reset(observation: Float32Array, random: Random): void {
    const draw = () => Math.fround(random.uniformBetween(-0.1, 0.1))
    this.state = [draw(), draw(), draw(), draw()]
    this.observe(observation)
  }

  step(action: EnvAction, observation: Float32Array): StepOutcome {
    const [angle1, angle2, speed1, speed2] = rungeKutta(this.state, Number(action) - 1)
    this.state = [wrap(angle1), wrap(angle2), clip(speed1, MAX_SPEED_1), clip(speed2, MAX_SPEED_2)]
    const height = -Math.cos(this.state[0]) - Math.cos(this.state[1] + this.state[0])
    this.outcome.terminated = height > 1
    this.outcome.reward = this.outcome.terminated ? 0 : -1
    this.observe(observation)
    return this.outcome
  }

  save(): PlainData {
    return this.state
  }

  load(state: PlainData): void {
    const [angle1, angle2, speed1, speed2] = stateNumbers('Acrobot-v1', state, 4) as State
    this.state = [angle1, angle2, speed1, speed2]
  }

  private observe(observation: Float32Array): void {
    const [angle1, angle2, speed1, speed2] = this.state
    observation[0] = Math.cos(angle1)
    observation[1] = Math.sin(angle1)
    observation[2] = Math.cos(angle2)
    observation[3] = Math.sin(angle2)
    observation[4] = speed1
    observation[5] = speed2
  }
}

/** Speeds and accelerations under a torque: Sutton & Barto, "Reinforcement Learning", the acrobot's equations of motion. */
function derivative([angle1, angle2, speed1, speed2]: State, torque: number): State {
  const [sin2, cos2] = [Math.sin(angle2), Math.cos(angle2)]
  const d1 = CENTRE ** 2 + (1 + CENTRE ** 2 + 2 * CENTRE * cos2) + 2 * INERTIA
  const d2 = CENTRE ** 2 + CENTRE * cos2 + INERTIA
  const phi2 = CENTRE * GRAVITY * Math.cos(angle1 + angle2 - Math.PI / 2)
  const swing = -CENTRE * speed2 ** 2 * sin2 - 2 * CENTRE * speed2 * speed1 * sin2
  const phi1 = swing + (CENTRE + 1) * GRAVITY * Math.cos(angle1 - Math.PI / 2) + phi2
  const pull = torque + (d2 / d1) * phi1 - CENTRE * speed1 ** 2 * sin2 - phi2
  const acceleration2 = pull / (CENTRE ** 2 + INERTIA - d2 ** 2 / d1)
  return [speed1, speed2, -(d2 * acceleration2 + phi1) / d1, acceleration2]
}

/** One classical fourth-order Runge-Kutta step of DT. */
function rungeKutta(state: State, torque: number): State {
  const ahead = (by: State, dt: number): State => [
    state[0] + dt * by[0],
    state[1] + dt * by[1],
    state[2] + dt * by[2],
    state[3] + dt * by[3],
  ]
  const k1 = derivative(state, torque)
  const k2 = derivative(ahead(k1, DT / 2), torque)
  const k3 = derivative(ahead(k2, DT / 2), torque)
  const k4 = derivative(ahead(k3, DT), torque)
  const mean = (i: 0 | 1 | 2 | 3) => k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]
  return ahead([mean(0), mean(1), mean(2), mean(3)], DT / 6)
}

/** The same angle within [-pi, pi]. */
function wrap(angle: number): number {
  let wrapped = angle
  while (wrapped > Math.PI) wrapped -= 2 * Math.PI
  while (wrapped < -Math.PI) wrapped += 2 * Math.PI
  return wrapped
}

function clip(value: number, limit: number): number {
  return Math.min(Math.max(value, -limit), limit)
}

export const acrobot: EnvDefinition = { id: 'Acrobot-v1', maxEpisodeSteps: 500, make: (config) => new Acrobot(config) }
