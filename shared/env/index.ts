export type {
  Env,
  EnvAction,
  EnvConfig,
  EnvDefinition,
  PlainData,
  StepOutcome,
  VectorEnv,
  VectorEnvState,
} from './env.ts'
export type { BoxSpace, BoxType, DiscreteSpace, MultiDiscreteSpace, ObservationSpace, Space } from './space.ts'
export { contains, describeSpace, spaceSize } from './space.ts'
export { validateSpace } from './checkedSpace.ts'
export type { EnvClass, EnvSource } from './registry.ts'
export { asDefinition, envIds, isBuiltIn, makeEnv, makeVectorEnv, registerEnv } from './registry.ts'
export { envOfModule } from './envOfModule.ts'
export { Acrobot } from './acrobot.ts'
export { CartPole } from './cartPole.ts'
export { Identity } from './identity.ts'
export { MountainCar } from './mountainCar.ts'
export { MountainCarContinuous } from './mountainCarContinuous.ts'
export { Pendulum } from './pendulum.ts'
export { CliffWalking } from './tabular/cliffWalking.ts'
export { FrozenLake } from './tabular/frozenLake.ts'
export { Taxi } from './tabular/taxi.ts'
export { envConfig } from './config.ts'
export { Random, deriveSeed } from '../random.ts'
