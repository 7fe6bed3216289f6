import { MillraceError } from '../../errors.ts'
import { envConfig } from '../config.ts'
import type { EnvConfig, EnvDefinition } from '../env.ts'
import { type Table, besides, makeTable, sharedTable } from './table.ts'
import { TabularEnv } from './tabularEnv.ts'

/** S start, F frozen, H hole, G goal. */
const MAPS: Readonly<Record<string, readonly string[]>> = {
  '4x4': ['SFFF', 'FHFH', 'FFFH', 'HFFG'],
  '8x8': ['SFFFFFFF', 'FFFFFFFF', 'FFFHFFFF', 'FFFFFHFF', 'FFFHFFFF', 'FHHFFFHF', 'FHFFHFHF', 'FFFHFFFG'],
}
/** Rows and columns of the actions left (0), down (1), right (2) and up (3). */
const MOVES = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
] as const
/** Probability that a slippery step goes where it should; else it goes to either side. */
const SUCCESS = 1 / 3
const FAILURE = (1 - SUCCESS) / 2

/** A state is row times columns plus column. Hole and goal are left by no action. */
function tableOf(map: readonly string[], isSlippery: boolean): Table {
  const columns = map[0]?.length ?? 0
  const cells = map.join('')
  const move = (state: number, direction: number): number => {
    const [down, right] = MOVES[direction] ?? [0, 0]
    const row = Math.floor(state / columns) + down
    const column = (state % columns) + right
    return row < 0 || row >= map.length || column < 0 || column >= columns ? state : row * columns + column
  }
  const initial = Array.from(cells, (cell) => Number(cell === 'S'))
  return makeTable({ actions: 4, initial }, (state, action) => {
    if ('GH'.includes(cells[state] ?? '')) return [{ probability: 1, next: state, reward: 0, terminated: true }]
    const directions = isSlippery ? besides(action) : [action]
    return directions.map((direction) => {
      const next = move(state, direction)
      const cell = cells[next] ?? ''
      const slip = direction === action ? SUCCESS : FAILURE
      return {
        probability: isSlippery ? slip : 1,
        next,
        reward: Number(cell === 'G'),
        terminated: 'GH'.includes(cell),
      }
    })
  })
}

const SMALL = 'FrozenLake-v1'
const LARGE = 'FrozenLake8x8-v1'

/** @throws MillraceError E_ENV_CONFIG */
function frozenLakeTable(id: string, config: EnvConfig, defaultMap: string): Table {
  const { mapName, isSlippery } = envConfig(id, config, { mapName: defaultMap, isSlippery: true })
  const map = Object.hasOwn(MAPS, mapName) ? MAPS[mapName] : undefined
  if (map === undefined) {
    const message = `${id} wants mapName to be ${Object.keys(MAPS).join(' or ')}, got '${mapName}'`
    throw new MillraceError('E_ENV_CONFIG', message, { env: id, field: 'mapName' })
  }
  return sharedTable(`FrozenLake ${mapName} ${isSlippery}`, () => tableOf(map, isSlippery))
}

/**
 * Cross a frozen lake without falling into a hole, on ice on which a step goes astray two times in three, in the form of Gymnasium's
 * FrozenLake-v1. Reward is 1 at the goal; goal and holes terminate.
 */
export class FrozenLake extends TabularEnv {
  /** @throws MillraceError E_ENV_CONFIG unless `mapName` is '4x4' (the default) or '8x8', and `isSlippery` a boolean (true) */
  constructor(config: EnvConfig = {}) {
    super(SMALL, frozenLakeTable(SMALL, config, '4x4'))
  }
}

export const frozenLakes: readonly EnvDefinition[] = [
  { id: SMALL, maxEpisodeSteps: 100, make: (config) => new FrozenLake(config) },
  {
    id: LARGE,
    maxEpisodeSteps: 200,
    make: (config) => new TabularEnv(LARGE, frozenLakeTable(LARGE, config, '8x8')),
  },
]
