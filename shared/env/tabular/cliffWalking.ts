import { envConfig } from '../config.ts'
import type { EnvConfig, EnvDefinition } from '../env.ts'
import { type Table, besides, makeTable, sharedTable } from './table.ts'
import { TabularEnv } from './tabularEnv.ts'

const ID = 'CliffWalking-v1'
const SLIPPERY = 'CliffWalkingSlippery-v1'
const [ROWS, COLUMNS] = [4, 12]
/** The cliff lies between them, along the lowest row. */
const START = (ROWS - 1) * COLUMNS
const GOAL = ROWS * COLUMNS - 1
/** Rows and columns of the actions up (0), right (1), down (2) and left (3). */
const MOVES = [
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, -1],
] as const

/** A state is row times columns plus column. A step off the grid goes nowhere. */
function tableOf(isSlippery: boolean): Table {
  const initial = Array.from({ length: ROWS * COLUMNS }, (_, state) => Number(state === START))
  return makeTable({ actions: MOVES.length, initial }, (state, action) => {
    const directions = isSlippery ? besides(action) : [action]
    return directions.map((direction) => {
      const [down, right] = MOVES[direction] ?? [0, 0]
      const row = Math.min(Math.max(Math.floor(state / COLUMNS) + down, 0), ROWS - 1)
      const column = Math.min(Math.max((state % COLUMNS) + right, 0), COLUMNS - 1)
      const to = row * COLUMNS + column
      const falls = to > START && to < GOAL
      return {
        probability: 1 / directions.length,
        next: falls ? START : to,
        reward: falls ? -100 : -1,
        terminated: to === GOAL,
      }
    })
  })
}

function cliffTable(id: string, config: EnvConfig, slipperyByDefault: boolean): Table {
  const { isSlippery } = envConfig(id, config, { isSlippery: slipperyByDefault })
  return sharedTable(`CliffWalking ${isSlippery}`, () => tableOf(isSlippery))
}

/**
 * Walk along a cliff to the goal: Sutton & Barto, "Reinforcement Learning", example 6.6, in the form of Gymnasium's CliffWalking-v1. Reward
 * is -1 a step, and -100 for a fall, which leads back to the start; only the goal terminates, and there is no time limit.
 */
export class CliffWalking extends TabularEnv {
  /** @throws MillraceError E_ENV_CONFIG unless `isSlippery` is a boolean (false) */
  constructor(config: EnvConfig = {}) {
    super(ID, cliffTable(ID, config, false))
  }
}

export const cliffWalkings: readonly EnvDefinition[] = [
  { id: ID, make: (config) => new CliffWalking(config) },
  { id: SLIPPERY, make: (config) => new TabularEnv(SLIPPERY, cliffTable(SLIPPERY, config, true)) },
]
