import { awsProblem } from '../../shared/cloud/control/index.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { isMillraceError } from '../../shared/errors.ts'

/**
 * A store whose refusals say what to do: where it is credentials, a right or the region that is wrong, the error is E_CREDENTIALS,
 * E_PERMISSION or E_REGION instead of E_STORE.
 */
export function explainedStore(store: ObjectStore): ObjectStore {
  return {
    get: (key, options) => explained(store.get(key, options), `cannot read ${key}`),
    put: (key, body, condition) => explained(store.put(key, body, condition), `cannot write ${key}`),
    list: (prefix) => explained(store.list(prefix), `cannot list ${prefix}`),
    delete: (keys) => explained(store.delete(keys), `cannot delete ${keys.join(', ')}`),
  }
}

async function explained<T>(request: Promise<T>, doing: string): Promise<T> {
  try {
    return await request
  } catch (error) {
    if (!isMillraceError(error, 'E_STORE') || error.cause === undefined) throw error
    const problem = awsProblem(doing, error.cause)
    throw problem.code === 'E_AWS' ? error : problem
  }
}
