import { MillraceError } from '../../errors.ts'
import { envConfig } from '../config.ts'
import type { EnvConfig, EnvDefinition } from '../env.ts'
import { GameEnv, type GameRules } from '../games/gameEnv.ts'
import { GameVector } from '../games/gameVector.ts'
import { Asterix } from './asterix.ts'
import { Breakout } from './breakout.ts'
import { Freeway } from './freeway.ts'
import { DOWN, FIRE, LEFT, type MinAtarGames, type MinAtarOptions, NOTHING, RIGHT, SIDE, UP } from './minAtarGames.ts'
import { Seaquest } from './seaquest.ts'
import { SpaceInvaders } from './spaceInvaders.ts'

const ALL_ACTIONS = [NOTHING, LEFT, UP, RIGHT, DOWN, FIRE]

interface Game {
  readonly games: new (count: number, options: MinAtarOptions) => MinAtarGames
  readonly channels: number
  /** The actions that do something, and NOTHING. */
  readonly actions: readonly number[]
}

const GAMES: Readonly<Record<string, Game>> = {
  Asterix: { games: Asterix, channels: 4, actions: [NOTHING, LEFT, UP, RIGHT, DOWN] },
  Breakout: { games: Breakout, channels: 4, actions: [NOTHING, LEFT, RIGHT] },
  Freeway: { games: Freeway, channels: 7, actions: [NOTHING, UP, DOWN] },
  Seaquest: { games: Seaquest, channels: 10, actions: ALL_ACTIONS },
  SpaceInvaders: { games: SpaceInvaders, channels: 6, actions: [NOTHING, LEFT, RIGHT, FIRE] },
}

const DEFAULTS = { stickyActionProbability: 0.1, difficultyRamping: true }

/**
 * MinAtar: Young & Tian (2019), "MinAtar: An Atari-Inspired Testbed for Thorough and Reproducible Reinforcement Learning Experiments",
 * arXiv:1903.03176. Ids as in its Gymnasium registration: -v0 has all six actions, -v1 those that do something in the game. None has a time limit.
 */
export const minAtar: readonly EnvDefinition[] = Object.entries(GAMES).flatMap(([name, game]) => [
  definitionOf(`MinAtar/${name}-v0`, game, ALL_ACTIONS),
  definitionOf(`MinAtar/${name}-v1`, game, game.actions),
])

function definitionOf(id: string, { games: Games, channels }: Game, actions: readonly number[]): EnvDefinition {
  const rulesOf = (config: EnvConfig): GameRules => ({
    id,
    observationSpace: { kind: 'box', shape: [SIDE, SIDE, channels], low: 0, high: 1, dtype: 'uint8' },
    actionSpace: { kind: 'discrete', n: actions.length },
    makeGames: (count) => new Games(count, { ...optionsOf(id, config), actions }),
  })
  return {
    id,
    make: (config) => new GameEnv(rulesOf(config)),
    makeVector: (numEnvs, config) => new GameVector(rulesOf(config), numEnvs),
  }
}

/** @throws MillraceError E_ENV_CONFIG */
function optionsOf(id: string, config: EnvConfig): typeof DEFAULTS {
  const options = envConfig(id, config, DEFAULTS)
  const p = options.stickyActionProbability
  if (p >= 0 && p <= 1) return options
  throw new MillraceError('E_ENV_CONFIG', `${id} wants stickyActionProbability within 0..1, got ${p}`, { env: id })
}
