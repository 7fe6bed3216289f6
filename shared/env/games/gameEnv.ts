import { Random } from '../../random.ts'
import { stateNumbers } from '../config.ts'
import type { Env, EnvAction, PlainData, StepOutcome } from '../env.ts'
import type { BoxSpace, DiscreteSpace, Space } from '../space.ts'
import type { Games } from './games.ts'

/** What an env of games is: its name, its spaces, and how to make so many games. */
export interface GameRules {
  readonly id: string
  readonly observationSpace: BoxSpace
  /** Discrete, or a box of one element. */
  readonly actionSpace: BoxSpace | DiscreteSpace
  readonly makeGames: (count: number) => Games
}

/** One game as an Env. An action outside the space is played as the game plays it (a torque is clipped); EnvVector refuses it. */
export class GameEnv implements Env {
  readonly observationSpace: BoxSpace
  readonly actionSpace: Space
  private readonly id: string
  private readonly games: Games
  private random = new Random(0)
  private readonly outcome: StepOutcome = { reward: 0, terminated: false, truncated: false }

  constructor({ id, observationSpace, actionSpace, makeGames }: GameRules) {
    this.id = id
    this.observationSpace = observationSpace
    this.actionSpace = actionSpace
    this.games = makeGames(1)
  }

  /** With another random stream than before the game forgets all that it keeps between episodes. */
  reset(observation: Float32Array, random: Random): void {
    if (random !== this.random) this.games.rows.fill(0)
    this.random = random
    this.games.reset(0, random)
    this.games.observe(0, observation)
  }

  step(action: EnvAction, observation: Float32Array): StepOutcome {
    const { games, outcome } = this
    outcome.reward = games.step(0, typeof action === 'number' ? action : (action[0] ?? NaN), this.random)
    outcome.terminated = games.terminated
    games.observe(0, observation)
    return outcome
  }

  save(): PlainData {
    return Array.from(this.games.rows)
  }

  load(state: PlainData, random: Random): void {
    this.random = random
    this.games.rows.set(stateNumbers(this.id, state, this.games.rows.length))
  }
}
