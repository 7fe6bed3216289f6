export type { Env, EnvDefinition, StepOutcome, VectorEnv } from './env.ts'
export type { BoxSpace, DiscreteSpace, Space } from './space.ts'
export { Random, deriveSeed } from '../random.ts'
