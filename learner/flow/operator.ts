import { MillraceError } from '../../shared/errors.ts'
import type {
  ItemDefinition,
  Operator,
  Origin,
  OriginDefinition,
  Plain,
  ResourceKey,
  Scope,
  Stage,
  StreamDefinition,
} from './types.ts'

/** What a plan needs to know about any definition; parameters and state are checked where they are declared. */
export interface AnyDefinition {
  readonly name: string
  readonly state?: () => unknown
  readonly save?: (state: never) => unknown
  readonly load?: (saved: unknown) => unknown
  readonly uses?: readonly ResourceKey<never>[]
  readonly run?: (...parts: never[]) => AsyncIterator<unknown> | Iterator<unknown>
  readonly each?: (item: never, scope: never) => unknown
}

type Definition<T, U, P, S> = StreamDefinition<T, U, P, S> | ItemDefinition<T, U, P, S>

const definitions = new WeakMap<object, AnyDefinition>()

/**
 * Defines an operator once: gives a function from parameters to a frozen descriptor, for `flow.via(...)`.
 *
 * @throws MillraceError E_PLAN_PARAMETER from the function it gives, for parameters that are not plain data or that `check` refuses
 */
export function operator<T, U, P = void, S = undefined>(
  definition: Definition<T, U, P, S>,
): (params: P) => Operator<T, U> {
  return (params) => describe(definition, params, definition.check)
}

/** Defines a source once: like `operator`, for `plan.source(...)`, with nothing upstream. */
export function origin<U, P = void, S = undefined>(definition: OriginDefinition<U, P, S>): (params: P) => Origin<U> {
  return (params) => describe(definition, params, definition.check, { origin: true as const })
}

/** Defines a stage once: its name and parameters travel to the source; the code that runs it lives there. */
export function stage<T, U, P = void>(definition: {
  readonly name: string
  readonly check?: (params: P) => void
}): (params: P) => Stage<T, U> {
  return (params) => describe(definition, params, definition.check)
}

/** A typed name for what is not data; the value is given when the plan is run: `{ resources: [trainer.of(value)] }`. */
export function resource<R>(name: string): ResourceKey<R> {
  return Object.freeze({ name, of: (value: R) => ({ key: name, value }) })
}

/** The code behind a descriptor. */
export function definitionOf(descriptor: { readonly name: string }): AnyDefinition {
  const definition = definitions.get(descriptor)
  if (definition === undefined) {
    throw new MillraceError('E_PLAN_PARAMETER', `'${descriptor.name}' was not made by operator(...) or origin(...)`)
  }
  return definition
}

/** @throws MillraceError E_PLAN_PARAMETER, unless `value` is an integer of at least `least` */
export function checkInteger(value: number, least: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new MillraceError('E_PLAN_PARAMETER', `${what} must be an integer of at least ${least}, got ${value}`)
  }
}

/** Refuses a name that is not one of the known ones; for options of callers that are not type-checked. */
export function checkOneOf(value: string, known: readonly string[], what: string): void {
  if (!known.includes(value)) {
    throw new MillraceError('E_PLAN_PARAMETER', `${what} must be one of ${known.join(', ')}, got '${value}'`)
  }
}

function describe<P, Extra extends object>(
  definition: AnyDefinition,
  params: P,
  check: ((params: P) => void) | undefined,
  extra?: Extra,
): { readonly name: string; readonly params: Plain } & Extra {
  check?.(params)
  const descriptor = Object.freeze({
    name: definition.name,
    params: plain(params, definition.name, 'params'),
    ...(extra as Extra),
  })
  definitions.set(descriptor, definition)
  return descriptor
}

/** A frozen copy; undefined becomes null at the top and disappears inside objects, as in JSON. */
function plain(value: unknown, operatorName: string, path: string): Plain {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value)) return Object.freeze(value.map((part, i) => plain(part, operatorName, `${path}[${i}]`)))
  if (typeof value === 'object' && isRecord(value)) {
    const parts = Object.entries(value).filter(([, part]) => part !== undefined)
    return Object.freeze(Object.fromEntries(parts.map(([key, p]) => [key, plain(p, operatorName, `${path}.${key}`)])))
  }
  const got = typeof value === 'object' ? value.constructor.name : String(value)
  throw new MillraceError('E_PLAN_PARAMETER', `${operatorName}: ${path} must be plain data, got ${got}`)
}

const isRecord = (value: object) => [Object.prototype, null].includes(Object.getPrototypeOf(value))

/** Parameters of an operator that has none are `undefined` where it is defined and null in the graph. */
export const scopeOf = (params: Plain, state: unknown, ctx: Scope<unknown, unknown>['ctx']) => ({
  params: params ?? undefined,
  state,
  ctx,
})
