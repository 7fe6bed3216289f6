import { envConfig } from '../config.ts'
import type { EnvConfig, EnvDefinition } from '../env.ts'
import { type Table, makeTable, sharedTable, type Transition } from './table.ts'
import { TabularEnv } from './tabularEnv.ts'

const SIDE = 5
/** Row and column of the four places where passengers wait or go: red, green, yellow, blue. */
const PLACES = [
  [0, 0],
  [0, 4],
  [4, 0],
  [4, 3],
] as const
/** The fifth place of a passenger. */
const IN_TAXI = PLACES.length
/** For each row, the columns with a wall on their east side. */
const WALLS: readonly (readonly number[])[] = [[1], [1], [], [0, 2], [0, 2]]

const [SOUTH, NORTH, EAST, WEST, PICK_UP, DROP_OFF] = [0, 1, 2, 3, 4, 5]
const ACTIONS = 6

interface Place {
  readonly row: number
  readonly column: number
  readonly passenger: number
  readonly destination: number
}

/** A state is ((row * 5 + column) * 5 + passenger) * 4 + destination. */
const encode = ({ row, column, passenger, destination }: Place): number =>
  ((row * SIDE + column) * (PLACES.length + 1) + passenger) * PLACES.length + destination

function decode(state: number): Place {
  const taxi = Math.floor(state / (PLACES.length * (PLACES.length + 1)))
  return {
    row: Math.floor(taxi / SIDE),
    column: taxi % SIDE,
    passenger: Math.floor(state / PLACES.length) % (PLACES.length + 1),
    destination: state % PLACES.length,
  }
}

function follow(from: Place, action: number): Transition {
  const { row, column, passenger, destination } = from
  const to = (next: Partial<Place>, reward = -1, terminated = false): Transition => ({
    probability: 1,
    next: encode({ ...from, ...next }),
    reward,
    terminated,
  })
  const wallEastOf = (c: number) => WALLS[row]?.includes(c) ?? false
  const here = PLACES.findIndex(([r, c]) => r === row && c === column)
  if (action === SOUTH) return to({ row: Math.min(row + 1, SIDE - 1) })
  if (action === NORTH) return to({ row: Math.max(row - 1, 0) })
  if (action === EAST) return to({ column: wallEastOf(column) ? column : Math.min(column + 1, SIDE - 1) })
  if (action === WEST) return to({ column: wallEastOf(column - 1) ? column : Math.max(column - 1, 0) })
  if (action === PICK_UP) return passenger === here ? to({ passenger: IN_TAXI }) : to({}, -10)
  if (action === DROP_OFF && passenger === IN_TAXI && here >= 0)
    return here === destination ? to({ passenger: here }, 20, true) : to({ passenger: here })
  return to({}, -10)
}

function makeTaxiTable(): Table {
  const states = SIDE * SIDE * (PLACES.length + 1) * PLACES.length
  const starts = Array.from({ length: states }, (_, state) => {
    const { passenger, destination } = decode(state)
    return passenger !== IN_TAXI && passenger !== destination
  })
  const count = starts.filter(Boolean).length
  const initial = starts.map((isStart) => (isStart ? 1 / count : 0))
  return makeTable({ actions: ACTIONS, initial }, (state, action) => [follow(decode(state), action)])
}

/**
 * Fetch a passenger with a taxi and take them where they want to go: Dietterich (2000), "Hierarchical Reinforcement Learning with the MAXQ
 * Value Function Decomposition", in the form of Gymnasium's Taxi-v3. Reward is -1 a step, -10 for a wrong pick-up or drop-off, and 20 for
 * the passenger at the destination, which terminates. Taxi-v4 is the same: it differs only in options that are not here.
 */
export class Taxi extends TabularEnv {
  /** @throws MillraceError E_ENV_CONFIG: it takes no config */
  constructor(config: EnvConfig = {}, id = 'Taxi-v3') {
    envConfig(id, config, {})
    super(id, sharedTable('Taxi', makeTaxiTable))
  }
}

export const taxis: readonly EnvDefinition[] = ['Taxi-v3', 'Taxi-v4'].map((id) => ({
  id,
  maxEpisodeSteps: 200,
  make: (config) => new Taxi(config, id),
}))
