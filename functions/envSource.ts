import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sha256Hex } from '../shared/batch/hash.ts'
import type { ObjectStore } from '../shared/cloud/ports.ts'
import type { EnvSource } from '../shared/env/index.ts'
import { failedOnlyThere } from '../shared/env/onlyHere.ts'
import { MillraceError, isMillraceError } from '../shared/errors.ts'
import type { Lease } from '../shared/protocol/lease.ts'

const loaded = new Map<string, EnvSource>()

/**
 * The env that a lease, or a request to evaluate, names: a built-in by its id, or the user's own from the module that the run put into the bucket. A module is
 * loaded once an execution environment.
 *
 * @throws MillraceError E_ENV_UNKNOWN when the module is missing, altered, or has no env; E_ENV_CONFIG when it does not load here
 */
export async function envSource({ env }: Pick<Lease, 'env'>, store: ObjectStore): Promise<EnvSource> {
  const { id, code } = env
  if (!code) return id
  const known = loaded.get(code.sha256)
  if (known) return known
  const found = await store.get(code.key)
  if (found.kind !== 'found')
    throw new MillraceError('E_ENV_UNKNOWN', `the code of env '${id}' is not in the bucket`, { key: code.key })
  if (sha256Hex(found.body) !== code.sha256)
    throw new MillraceError('E_ENV_UNKNOWN', `the code of env '${id}' was altered`, { key: code.key })
  const folder = await mkdtemp(join(tmpdir(), 'millrace-env-'))
  try {
    const file = join(folder, 'experiment.mjs')
    await writeFile(file, found.body)
    const module = await loadedThere(id, file)
    const source = module.default?.env
    if (source === undefined)
      throw new MillraceError('E_ENV_UNKNOWN', `the code of env '${id}' has no experiment with an env`, {
        key: code.key,
      })
    loaded.set(code.sha256, source)
    return source
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The module loaded on the user's machine, or the run would not have begun: what it misses here is something of that machine. */
async function loadedThere(id: string, file: string): Promise<{ readonly default?: { readonly env?: EnvSource } }> {
  try {
    return await import(pathToFileURL(file).href)
  } catch (cause) {
    if (isMillraceError(cause)) throw cause
    throw new MillraceError('E_ENV_CONFIG', failedOnlyThere(id, cause), {}, { cause })
  }
}
