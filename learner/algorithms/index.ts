import type { ActionKind } from '../algorithm.ts'
import { a2c } from './a2c.ts'
import { impala } from './impala.ts'
import { ppo } from './ppo.ts'

/** Every algorithm, by its name. */
export const ALGORITHMS = { a2c, impala, ppo }

export type AlgorithmName = keyof typeof ALGORITHMS

export const ALGORITHM_NAMES = Object.keys(ALGORITHMS).toSorted() as readonly AlgorithmName[]

/** Names of the algorithms that take such actions. */
export const algorithmsThatTake = (kind: ActionKind): readonly AlgorithmName[] =>
  ALGORITHM_NAMES.filter((name) => ALGORITHMS[name]().actions.includes(kind))
