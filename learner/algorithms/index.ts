import { a2c } from './a2c.ts'
import { appo } from './appo.ts'
import { impala } from './impala.ts'
import { ppo } from './ppo.ts'

/** Every algorithm, by its name. */
export const ALGORITHMS = { a2c, appo, impala, ppo }
