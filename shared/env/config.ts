import { MillraceError, nearestName } from '../errors.ts'
import type { EnvConfig, PlainData } from './env.ts'

/**
 * An env's config over its defaults. A field without a default, or of another type than it, is refused: a typo must not
 * train on a default.
 *
 * @throws MillraceError E_ENV_CONFIG
 */
export function envConfig<T extends Readonly<Record<string, number | boolean | string>>>(
  id: string,
  config: EnvConfig,
  defaults: T,
): T {
  for (const [name, value] of Object.entries(config)) {
    const expected = Object.hasOwn(defaults, name) ? defaults[name] : undefined
    if (expected === undefined) {
      const near = nearestName(name, Object.keys(defaults))
      const hint = near ? `did you mean '${near}'?` : `it takes ${Object.keys(defaults).join(', ') || 'no config'}`
      throw new MillraceError('E_ENV_CONFIG', `${id} has no config field '${name}'; ${hint}`, { env: id, field: name })
    }
    if (typeof value !== typeof expected) {
      const message = `${id} wants ${name} to be a ${typeof expected}, got ${JSON.stringify(value)}`
      throw new MillraceError('E_ENV_CONFIG', message, { env: id, field: name })
    }
  }
  return { ...defaults, ...config }
}

/**
 * A saved state that is a list of numbers.
 *
 * @throws MillraceError E_ENV_CONFIG when it is anything else
 */
export function stateNumbers(id: string, state: PlainData, count: number): readonly number[] {
  const isNumbers = Array.isArray(state) && state.length === count && state.every((value) => typeof value === 'number')
  if (isNumbers) return state
  const message = `the saved state of ${id} is ${JSON.stringify(state)}, expected ${count} numbers`
  throw new MillraceError('E_ENV_CONFIG', message, { env: id })
}
