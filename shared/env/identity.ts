import { MillraceError } from '../errors.ts'
import { Random } from '../random.ts'
import { envConfig, stateNumbers } from './config.ts'
import type { Env, EnvAction, EnvConfig, EnvDefinition, PlainData, StepOutcome } from './env.ts'
import type { DiscreteSpace } from './space.ts'

/**
 * Name what you see: the observation is one of n symbols, drawn anew at every step, and the reward is 1 for the action of
 * the same number, 0 otherwise. It never terminates (its definition truncates). Any learner that works solves it within
 * a thousand steps, so a wrong sign or a shifted index shows at once (after Stable-Baselines3's IdentityEnv).
 */
export class Identity implements Env {
  readonly observationSpace: DiscreteSpace
  readonly actionSpace: DiscreteSpace
  private symbol = 0
  private random = new Random(0)
  private readonly outcome: StepOutcome = { reward: 0, terminated: false, truncated: false }

  /** @throws MillraceError E_ENV_CONFIG unless `n` is an integer >= 2 (2 where it is left out) */
  constructor(config: EnvConfig = {}) {
    const { n } = envConfig('Identity-v0', config, { n: 2 })
    if (!Number.isInteger(n) || n < 2)
      throw new MillraceError('E_ENV_CONFIG', `Identity-v0 wants n >= 2, got ${n}`, { n })
    this.observationSpace = { kind: 'discrete', n }
    this.actionSpace = this.observationSpace
  }

  reset(observation: Float32Array, random: Random): void {
    this.random = random
    this.draw(observation)
  }

  step(action: EnvAction, observation: Float32Array): StepOutcome {
    this.outcome.reward = action === this.symbol ? 1 : 0
    this.draw(observation)
    return this.outcome
  }

  save(): PlainData {
    return [this.symbol]
  }

  load(state: PlainData, random: Random): void {
    this.random = random
    this.symbol = stateNumbers('Identity-v0', state, 1)[0] ?? 0
  }

  private draw(observation: Float32Array): void {
    this.symbol = this.random.integer(this.observationSpace.n)
    observation[0] = this.symbol
  }
}

export const identity: EnvDefinition = {
  id: 'Identity-v0',
  maxEpisodeSteps: 50,
  make: (config) => new Identity(config),
}
