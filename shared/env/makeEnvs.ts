import { MillraceError } from '../errors.ts'
import { isThenable, showValue } from '../showValue.ts'
import { interruptible, positionOfCode, showPosition } from '../userCode/index.ts'
import { checkedObservationSpace, checkedSpace, spaceDifference } from './checkedSpace.ts'
import { closeEnvs } from './closing.ts'
import type { Env, EnvConfig, EnvDefinition } from './env.ts'
import { describeSpace, spaceSize, type ObservationSpace, type Space } from './space.ts'
import { checkNumEnvs } from './vectorBase.ts'

/** B envs of one definition, and the spaces that all of them have. */
export interface MadeEnvs {
  readonly envs: readonly Env[]
  readonly observation: ObservationSpace
  readonly action: Space
}

/** Float32 values of one buffer: 4 GiB. */
const MOST_VALUES = 2 ** 30

/**
 * Makes and checks the envs of a vector. When one of them fails, those made before are closed.
 *
 * @throws MillraceError E_ENV_SPACE, E_ENV_CONFIG; and whatever `definition.make` throws
 */
export function makeEnvs(definition: EnvDefinition, numEnvs: number, config: EnvConfig): MadeEnvs {
  const { id } = definition
  checkNumEnvs(id, numEnvs)
  const envs: Env[] = []
  const make = (): Spaces => {
    const made = interruptible(() => definition.make(config))
    checkEnv(made, id)
    envs.push(made)
    return spacesOf(made, id)
  }
  try {
    const first = make()
    refuseHuge(first.observation, id, numEnvs)
    if (envs[0]?.actionMask && first.action.kind === 'box')
      throw new MillraceError('E_ENV_SPACE', `${id} has an actionMask, which masks choices, and its actions are a box`)
    for (let i = 1; i < numEnvs; i++) refuseOther(first, make(), id)
    return { envs, ...first }
  } catch (error) {
    closeEnvs(envs, id)
    throw error
  }
}

type Spaces = Pick<MadeEnvs, 'observation' | 'action'>

function spacesOf(env: Env, id: string): Spaces {
  try {
    return {
      observation: checkedObservationSpace(env.observationSpace, `the observation space of ${id}`),
      action: checkedSpace(env.actionSpace, `the action space of ${id}`),
    }
  } catch (error) {
    const at = positionOfCode(env.constructor)
    if (!(error instanceof MillraceError) || !at) throw error
    throw new MillraceError(error.code, error.message, { ...error.where, at: showPosition(at) }, { cause: error })
  }
}

function checkEnv(made: unknown, id: string): asserts made is Env {
  const refuse = (why: string) =>
    new MillraceError('E_ENV_CONFIG', `${id} cannot be used as an env: ${why}`, { env: id })
  if (isThenable(made)) {
    made.then(undefined, () => undefined)
    throw refuse(
      'make gave a Promise; it is synchronous: prepare what needs waiting for with a top-level await in the module',
    )
  }
  if (typeof made !== 'object' || made === null) throw refuse(`make gave ${showValue(made)}, expected an env`)
  const optional = ['save', 'load', 'close', 'actionMask'] as const
  for (const name of optional) {
    const method = (made as Partial<Env>)[name]
    if (method !== undefined && typeof method !== 'function')
      throw refuse(`${name} is ${showValue(method)}, expected a method`)
  }
  const { save, load } = made as Partial<Env>
  if ((save === undefined) !== (load === undefined)) {
    const [there, missing] = save ? ['save', 'load'] : ['load', 'save']
    throw refuse(`it has ${there} and no ${missing}: give both, so that an episode can outlive a lease, or neither`)
  }
  for (const name of ['reset', 'step'] as const) {
    const method = (made as Partial<Env>)[name]
    if (typeof method !== 'function')
      throw refuse(`it has no method ${name}${method === undefined ? '' : `: ${name} is ${showValue(method)}`}`)
  }
}

function refuseHuge(observation: ObservationSpace, id: string, numEnvs: number): void {
  const size = observation.kind === 'discrete' ? observation.n : spaceSize(observation)
  if (size * numEnvs <= MOST_VALUES) return
  throw new MillraceError(
    'E_ENV_SPACE',
    `the observations of ${numEnvs} envs of ${id} take ${size * numEnvs} values, at most ${MOST_VALUES} work; step fewer envs together`,
    { env: id, numEnvs },
  )
}

function refuseOther(first: Spaces, other: Spaces, id: string): void {
  for (const name of ['observation', 'action'] as const) {
    const difference = spaceDifference(first[name], other[name])
    if (difference === undefined) continue
    const shown = `${describeSpace(first[name])}, then ${describeSpace(other[name])} (${difference})`
    throw new MillraceError('E_ENV_SPACE', `${id} has another ${name}Space each time it is made: ${shown}`, { env: id })
  }
}
