import { MillraceError } from '../../shared/errors.ts'
import type { Definition, Descriptor, Operator, Plain, ResourceKey, Stage } from './types.ts'

/** A definition of which the types are no longer known; they were checked where it was used. */
export interface AnyDefinition {
  readonly state?: () => unknown
  readonly save?: (state: unknown) => unknown
  readonly load?: (saved: unknown) => unknown
  readonly uses?: readonly ResourceKey<never>[]
  readonly each?: (item: unknown, scope: unknown) => unknown
  readonly run?: (source: AsyncIterable<unknown>, scope: unknown) => AsyncIterator<unknown>
}

const definitions = new WeakMap<object, AnyDefinition>()

/**
 * Defines an operator once: gives a function from parameters to a frozen descriptor, for `flow.via(...)` and `plan.source(...)`.
 *
 * @throws MillraceError E_PLAN_PARAMETER from the function it gives, for parameters that are not plain data or that `check` refuses
 */
export function operator<T, U, P = void, S = undefined>(definition: Definition<T, U, P, S>): Make<P, Operator<T, U>> {
  return (params) => describe(definition, params)
}

/** Defines a stage once: its name and parameters travel to the source; the code that runs it lives there. */
export function stage<T, U, P = void>(definition: Named<P>): Make<P, Stage<T, U>> {
  return (params) => describe(definition, params)
}

/** A typed name for what is not data; the value is given when the plan is run: `{ resources: [trainer.of(value)] }`. */
export function resource<R>(name: string): ResourceKey<R> {
  return Object.freeze({ name, of: (value: R) => ({ key: name, value }) })
}

/** The code behind a descriptor. */
export function definitionOf(descriptor: Descriptor<unknown>): AnyDefinition {
  const definition = definitions.get(descriptor)
  demand(definition !== undefined, `'${descriptor.name}' was not made by operator(...)`)
  return definition
}

type Refusal = Partial<Pick<MillraceError, 'code' | 'where'>>

/** @throws MillraceError, E_PLAN_PARAMETER unless told, if the condition is false */
export function demand(condition: boolean, sentence: string, { code, where }: Refusal = {}): asserts condition {
  if (!condition) throw new MillraceError(code ?? 'E_PLAN_PARAMETER', sentence, where)
}

/** @throws MillraceError E_PLAN_PARAMETER, unless `value` is an integer of at least `least` */
export function demandInteger(value: number, least: number, what: string): void {
  demand(Number.isSafeInteger(value) && value >= least, `${what} must be an integer of at least ${least}, got ${value}`)
}

/** @throws MillraceError E_PLAN_PARAMETER for a name that is none of the known ones (not every caller is type-checked) */
export function demandOneOf(value: string, known: readonly string[], what: string): void {
  demand(known.includes(value), `${what} must be one of ${known.join(', ')}, got '${value}'`)
}

type Make<P, D> = (params: P) => D
type Named<P> = { readonly name: string; readonly check?: (params: P) => void }

function describe<P>(definition: Named<P>, params: P): Descriptor<never> {
  definition.check?.(params)
  const descriptor = Object.freeze({ name: definition.name, params: plain(params, definition.name) })
  definitions.set(descriptor, definition as AnyDefinition)
  return descriptor
}

/** A frozen copy; undefined becomes null at the top and disappears inside objects, as in JSON. */
function plain(params: unknown, name: string): Plain {
  function check(this: Readonly<Record<string, unknown>>, key: string) {
    const value = this[key] // as it is; the second argument is what a toJSON made of it
    const type = value === null ? 'null' : typeof value
    const scalar = ['null', 'undefined', 'string', 'boolean'].includes(type) || Number.isFinite(value)
    const works = scalar || [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value))
    demand(works, `${name}: parameter ${key} must be plain data, got ${type} ${String(value)}`)
    return value
  }
  return JSON.parse(JSON.stringify(params ?? null, check), (_, value) => Object.freeze(value)) as Plain
}
