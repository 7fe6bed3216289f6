import { MillraceError, isMillraceError, nearestName } from '../errors.ts'
import { acrobot } from './acrobot.ts'
import { cartPole } from './cartPole.ts'
import type { Env, EnvConfig, EnvDefinition, VectorEnv } from './env.ts'
import { identity } from './identity.ts'
import { minAtar } from './minatar/definitions.ts'
import { mountainCar } from './mountainCar.ts'
import { mountainCarContinuous } from './mountainCarContinuous.ts'
import { pendulum } from './pendulum.ts'
import { oneLine } from '../oneLine.ts'
import { showThrown, showValue } from '../showValue.ts'
import { interruptible, userTrace } from '../userCode/index.ts'
import { cliffWalkings } from './tabular/cliffWalking.ts'
import { frozenLakes } from './tabular/frozenLake.ts'
import { taxis } from './tabular/taxi.ts'
import { EnvVector } from './vector.ts'

/**
 * A user's own env: a class whose constructor takes the config. Static `id` names it (the class's name where it is left
 * out) and static `maxEpisodeSteps` is its time limit. `never` lets a constructor declare the config it wants.
 */
export type EnvClass = (new (config: never) => Env) & { readonly id?: string; readonly maxEpisodeSteps?: number }

/** Everything an experiment may say as `env`: the id of a known one, a definition, or a class. */
export type EnvSource = string | EnvDefinition | EnvClass

const builtIn: readonly EnvDefinition[] = [
  acrobot,
  cartPole,
  ...cliffWalkings,
  ...frozenLakes,
  identity,
  ...minAtar,
  mountainCar,
  mountainCarContinuous,
  pendulum,
  ...taxis,
]
const builtInIds: ReadonlySet<string> = new Set(builtIn.map(({ id }) => id))
const definitions = new Map<string, EnvDefinition>(builtIn.map((definition) => [definition.id, definition]))

/**
 * Registers an env by its id in this process.
 *
 * @throws MillraceError E_ENV_CONFIG when another definition has that id, or the definition is malformed
 */
export function registerEnv(source: EnvDefinition | EnvClass): EnvDefinition {
  const definition = asDefinition(source)
  const known = definitions.get(definition.id)
  if (known && known !== definition) {
    throw new MillraceError('E_ENV_CONFIG', `an env with id '${definition.id}' is registered already`, {
      env: definition.id,
    })
  }
  definitions.set(definition.id, definition)
  return definition
}

/** Is this env part of Millrace, so that functions have it without the code of a user? */
export const isBuiltIn = (source: EnvSource): boolean => typeof source === 'string' && builtInIds.has(source)

/** Ids of all known envs, in alphabetical order. */
export function envIds(): readonly string[] {
  return [...definitions.keys()].sort()
}

/**
 * The definition behind whatever an experiment says as `env`.
 *
 * @throws MillraceError E_ENV_UNKNOWN with the nearest known id, E_ENV_CONFIG for anything that cannot make an env
 */
export function asDefinition(source: EnvSource): EnvDefinition {
  if (typeof source === 'string') {
    const known = definitions.get(source)
    if (known) return known
    const near = nearestName(source, envIds())
    const hint = near ? `did you mean '${near}'?` : `known are ${envIds().join(', ')}`
    throw new MillraceError('E_ENV_UNKNOWN', `there is no env '${source}'; ${hint}`, { env: source })
  }
  return checked(typeof source === 'function' ? fromClass(source) : source)
}

/** One env, without a time limit: `maxEpisodeSteps` belongs to whoever steps it. */
export function makeEnv(source: EnvSource, config: EnvConfig = {}): Env {
  const definition = asDefinition(source)
  return interruptible(() => definition.make(config))
}

/**
 * B envs stepped as one, in the env's own vector form where it has one.
 *
 * @throws MillraceError E_ENV_UNKNOWN, E_ENV_CONFIG (also for whatever the env's own constructor throws), E_ENV_SPACE
 */
export function makeVectorEnv(
  source: EnvSource,
  options: { readonly numEnvs: number; readonly config?: EnvConfig },
): VectorEnv {
  const { numEnvs, config = {} } = options ?? {} // a call from JavaScript may lack it
  const definition = asDefinition(source)
  try {
    return interruptible(() => definition.makeVector?.(numEnvs, config)) ?? new EnvVector(definition, numEnvs, config)
  } catch (cause) {
    throw notMade(definition.id, cause)
  }
}

/** What the env's own code threw while it was made, with the place in it. */
function notMade(id: string, cause: unknown): unknown {
  const known = isMillraceError(cause) ? cause : undefined
  const { at, stack } = userTrace(cause)
  if (known && at === undefined) return known
  const message = known ? known.message : `${id} could not be made: ${showThrown(cause)}`
  const where = { env: id, ...(at !== undefined && { at }), ...known?.where }
  return new MillraceError(known?.code ?? 'E_ENV_CONFIG', message, where, { cause, userStack: stack })
}

const classDefinitions = new WeakMap<EnvClass, EnvDefinition>()

/** One definition a class, so that the same class is the same env however often it is named. */
function fromClass(source: EnvClass): EnvDefinition {
  const known = classDefinitions.get(source)
  if (known) return known
  if (source.prototype === undefined) {
    throw new MillraceError(
      'E_ENV_CONFIG',
      'this cannot be used as an env: it is a plain function; give a class, or a definition with make()',
    )
  }
  refuseMisspelt(source)
  const { maxEpisodeSteps } = source
  const definition: EnvDefinition = {
    id: source.id ?? source.name,
    ...(maxEpisodeSteps === undefined ? {} : { maxEpisodeSteps }),
    make: (config) => new source(config as never),
  }
  classDefinitions.set(source, definition)
  return definition
}

/** A limit under another name would be none: episodes that never end. */
function refuseMisspelt(source: EnvClass): void {
  if (source.maxEpisodeSteps !== undefined) return
  const plain = (name: string) => name.replaceAll('_', '')
  const near = Object.keys(source).find((name) => nearestName(plain(name), ['maxEpisodeSteps']) !== undefined)
  if (near === undefined) return
  const message = `${source.id ?? source.name} has a static ${near}, which nothing reads; did you mean maxEpisodeSteps?`
  throw new MillraceError('E_ENV_CONFIG', message, { env: source.id ?? source.name, field: near })
}

function checked(definition: EnvDefinition): EnvDefinition {
  const refuse = (why: string) => new MillraceError('E_ENV_CONFIG', `this cannot be used as an env: ${why}`)
  if (typeof definition?.make !== 'function') {
    const isInstance = definition !== null && typeof definition === 'object' && 'step' in definition
    throw refuse(
      isInstance ? 'it is one instance; give its class instead' : 'expected an id, a class or a definition with make()',
    )
  }
  if (typeof definition.id !== 'string' || definition.id === '') throw refuse('it has no id')
  if (oneLine(definition.id) !== definition.id)
    throw refuse(`its id ${showValue(definition.id)} is not one line of characters that can be seen`)
  const { id, maxEpisodeSteps } = definition
  if (maxEpisodeSteps !== undefined && (!Number.isInteger(maxEpisodeSteps) || maxEpisodeSteps < 1)) {
    throw refuse(
      `maxEpisodeSteps of ${id} is ${showValue(maxEpisodeSteps)}, expected an integer >= 1 (leave it out for no limit)`,
    )
  }
  return definition
}
