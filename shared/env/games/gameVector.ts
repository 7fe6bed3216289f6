// Typed-array reads use `!`: every index is within the sizes made in VectorBase.
import type { Random } from '../../random.ts'
import { stateNumbers } from '../config.ts'
import type { PlainData } from '../env.ts'
import { boxBounds, describeSpace } from '../space.ts'
import { VectorBase } from '../vectorBase.ts'
import type { GameRules } from './gameEnv.ts'
import type { Games } from './games.ts'

/** B games stepped in one loop: the trajectories of GameEnv behind EnvVector, bit for bit. A step allocates nothing. */
export class GameVector extends VectorBase {
  private readonly games: Games
  private readonly stateSize: number
  private readonly maxEpisodeSteps: number
  private readonly discrete: boolean
  /** Bounds of an action; those of a discrete one are 0 and n - 1. */
  private readonly low: number
  private readonly high: number

  /** @throws MillraceError E_ENV_CONFIG */
  constructor(rules: GameRules, numEnvs: number, maxEpisodeSteps = Infinity) {
    super(rules.id, numEnvs, { observation: rules.observationSpace, action: rules.actionSpace })
    this.games = rules.makeGames(numEnvs)
    this.stateSize = this.games.rows.length / numEnvs
    this.maxEpisodeSteps = maxEpisodeSteps
    const { actionSpace } = rules
    const { low, high } = actionSpace.kind === 'box' ? boxBounds(actionSpace) : { low: [0], high: [actionSpace.n - 1] }
    this.discrete = actionSpace.kind === 'discrete'
    this.low = low[0]!
    this.high = high[0]!
  }

  override reset(seed: number): void {
    this.games.rows.fill(0)
    super.reset(seed)
  }

  step(actions: Int32Array | Float32Array): void {
    this.beginStep(actions)
    const { games, randoms, observations, rewards, terminated, truncated, episodeReturns, episodeLengths } = this
    for (let i = 0; i < this.numEnvs; i++) {
      const action = actions[i]!
      if (!this.allows(action)) throw this.actionFault(i, action)
      const reward = games.step(i, action, randoms[i]!)
      rewards[i] = reward
      episodeReturns[i]! += reward
      const done = games.terminated
      const length = ++episodeLengths[i]!
      const cut = !done && length >= this.maxEpisodeSteps
      terminated[i] = done ? 1 : 0
      truncated[i] = cut ? 1 : 0
      games.observe(i, observations)
      if (done || cut) this.startNextEpisode(i)
    }
  }

  protected resetEnv(index: number, random: Random): void {
    this.games.reset(index, random)
    this.games.observe(index, this.observations)
  }

  protected saveEnv(index: number): PlainData {
    return Array.from(this.games.rows.subarray(index * this.stateSize, (index + 1) * this.stateSize))
  }

  protected loadEnv(index: number, state: PlainData): void {
    this.games.rows.set(stateNumbers(this.id, state, this.stateSize), index * this.stateSize)
  }

  private allows(action: number): boolean {
    return action >= this.low && action <= this.high && (!this.discrete || Number.isInteger(action))
  }

  private actionFault(index: number, action: number): Error {
    const element = this.discrete ? '' : ' at element 0'
    return this.fault(index, `got action ${action}${element}, which is not in ${describeSpace(this.actionSpace)}`)
  }
}
