import { MillraceError, isMillraceError } from '../errors.ts'
import type { EnvDefinition } from './env.ts'
import { type EnvSource, asDefinition } from './registry.ts'

/**
 * The env of this id in a user's module: its default export may be the experiment or the env, any export may be the env, or the
 * module registers it.
 *
 * @param module what the module exports, by name
 * @param named the module as its user knows it, for the error
 * @throws MillraceError E_ENV_UNKNOWN when the module has no such env
 */
export function envOfModule(module: Readonly<Record<string, unknown>>, id: string, named: string): EnvDefinition {
  const candidates = Object.values(module).flatMap((value) => [value, envField(value)])
  for (const candidate of [...candidates, id]) {
    const definition = definitionOf(candidate)
    if (definition?.id === id) return definition
  }
  throw new MillraceError(
    'E_ENV_UNKNOWN',
    `${named} has no env '${id}'; export its class or definition from there, by any name`,
    { env: id },
  )
}

function envField(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'env' in value ? value.env : undefined
}

/** Exports are of every kind: what is no env is passed over. */
function definitionOf(value: unknown): EnvDefinition | undefined {
  if (typeof value !== 'string' && typeof value !== 'function' && typeof value !== 'object') return undefined
  try {
    return asDefinition(value as EnvSource)
  } catch (error) {
    if (isMillraceError(error)) return undefined
    throw error
  }
}
