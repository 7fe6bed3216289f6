import { a2c } from './a2c.ts'
import { a3c } from './a3c.ts'
import { appo } from './appo.ts'
import { ddppo } from './ddppo.ts'
import { impala } from './impala.ts'
import { ppo } from './ppo.ts'

/** Every algorithm, by its name. */
export const ALGORITHMS = { a2c, a3c, appo, ddppo, impala, ppo }

export type AlgorithmName = keyof typeof ALGORITHMS

/** In alphabetical order. */
export const ALGORITHM_NAMES = Object.keys(ALGORITHMS).toSorted() as readonly AlgorithmName[]
