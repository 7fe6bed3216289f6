import type { Random } from '../random.ts'
import { CART_POLE_ACTIONS, CART_POLE_OBSERVATIONS, resetCartPole, stepCartPole } from './cartPoleDynamics.ts'
import { CartPoleVector } from './cartPoleVector.ts'
import { envConfig, stateNumbers } from './config.ts'
import type { Env, EnvAction, EnvConfig, EnvDefinition, PlainData, StepOutcome } from './env.ts'

/**
 * Balance a pole on a cart by pushing it left (0) or right (1): Barto, Sutton & Anderson (1983), "Neuronlike Adaptive
 * Elements That Can Solve Difficult Learning Control Problems", in the form of Gymnasium's CartPole-v1.
 *
 * The state (x, x', theta, theta') is float64; the observation is the same four numbers as float32. Reward is 1 at every
 * step, the terminating one included. Terminates when |x| > 2.4 or |theta| > 12 degrees.
 */
export class CartPole implements Env {
  readonly observationSpace = CART_POLE_OBSERVATIONS
  readonly actionSpace = CART_POLE_ACTIONS
  private readonly state = new Float64Array(4)
  private readonly outcome: StepOutcome = { reward: 1, terminated: false, truncated: false }

  /** @throws MillraceError E_ENV_CONFIG: it takes no config */
  constructor(config: EnvConfig = {}) {
    envConfig('CartPole-v1', config, {})
  }

  reset(observation: Float32Array, random: Random): void {
    resetCartPole(this.state, 0, random)
    observation.set(this.state)
  }

  step(action: EnvAction, observation: Float32Array): StepOutcome {
    this.outcome.terminated = stepCartPole(this.state, 0, action === 1)
    observation.set(this.state)
    return this.outcome
  }

  save(): PlainData {
    return Array.from(this.state)
  }

  load(state: PlainData): void {
    this.state.set(stateNumbers('CartPole-v1', state, 4))
  }
}

export const cartPole: EnvDefinition = {
  id: 'CartPole-v1',
  maxEpisodeSteps: 500,
  make: (config) => new CartPole(config),
  makeVector: (numEnvs, config) => {
    envConfig('CartPole-v1', config, {})
    return new CartPoleVector('CartPole-v1', numEnvs, 500)
  },
}
