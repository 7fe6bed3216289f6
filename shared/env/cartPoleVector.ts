// Typed-array reads use `!`: every index is within the sizes made in VectorBase.
import type { Random } from '../random.ts'
import { CART_POLE_ACTIONS, CART_POLE_OBSERVATIONS, resetCartPole, stepCartPole } from './cartPoleDynamics.ts'
import { stateNumbers } from './config.ts'
import type { PlainData } from './env.ts'
import { VectorBase } from './vectorBase.ts'

/** B CartPoles over one float64 array [B, 4]: the same trajectories as CartPole behind EnvVector, without a call an env. */
export class CartPoleVector extends VectorBase {
  private readonly states: Float64Array
  private readonly maxEpisodeSteps: number

  constructor(id: string, numEnvs: number, maxEpisodeSteps: number) {
    super(id, numEnvs, { observation: CART_POLE_OBSERVATIONS, action: CART_POLE_ACTIONS })
    this.states = new Float64Array(numEnvs * 4)
    this.maxEpisodeSteps = maxEpisodeSteps
    this.rewards.fill(1)
  }

  step(actions: Int32Array | Float32Array): void {
    this.beginStep(actions)
    const {
      numEnvs,
      states,
      observations,
      rewards,
      terminated,
      truncated,
      episodeReturns,
      episodeLengths,
      maxEpisodeSteps,
    } = this
    rewards.fill(1)
    for (let i = 0; i < numEnvs; i++) {
      const action = actions[i]!
      if (action !== 0 && action !== 1) throw this.fault(i, `got action ${action}, which is not in Discrete(2)`)
      const at = i * 4
      const done = stepCartPole(states, at, action === 1)
      observations[at] = states[at]!
      observations[at + 1] = states[at + 1]!
      observations[at + 2] = states[at + 2]!
      observations[at + 3] = states[at + 3]!
      episodeReturns[i]! += 1
      const length = ++episodeLengths[i]!
      const cut = !done && length >= maxEpisodeSteps
      terminated[i] = done ? 1 : 0
      truncated[i] = cut ? 1 : 0
      if (done || cut) this.startNextEpisode(i)
    }
  }

  protected resetEnv(index: number, random: Random): void {
    const at = index * 4
    resetCartPole(this.states, at, random)
    for (let j = at; j < at + 4; j++) this.observations[j] = this.states[j]!
  }

  protected saveEnv(index: number): PlainData {
    return Array.from(this.states.subarray(index * 4, index * 4 + 4))
  }

  protected loadEnv(index: number, state: PlainData): void {
    this.states.set(stateNumbers(this.id, state, 4), index * 4)
  }
}
