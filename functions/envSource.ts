import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { sha256Hex } from '../shared/batch/hash.ts'
import type { ObjectStore } from '../shared/cloud/ports.ts'
import type { EnvSource } from '../shared/env/index.ts'
import { failedOnlyThere } from '../shared/env/onlyHere.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Lease } from '../shared/protocol/lease.ts'
import { DAMAGED } from '../shared/rollout/damaged.ts'
import { importUserModule } from './userModule.ts'

const loaded = new Map<string, Promise<EnvSource>>()

/**
 * The env that a lease, or a request to evaluate, names: a built-in by its id, or the user's own from the module that the run put into the bucket. A module is
 * loaded once an execution environment.
 *
 * @throws MillraceError E_ENV_UNKNOWN when the module is missing, altered, or has no env; E_ENV_CONFIG when it throws while it is loaded
 */
export async function envSource({ env }: Pick<Lease, 'env'>, store: ObjectStore): Promise<EnvSource> {
  const { id, code } = env
  if (!code) return id
  const known = loaded.get(code.sha256)
  if (known) return await known
  // The leases of an invocation ask at the same time, and have one module.
  const loading = load(id, code, store)
  loaded.set(code.sha256, loading)
  loading.catch(() => loaded.delete(code.sha256))
  return await loading
}

async function load(id: string, code: NonNullable<Lease['env']['code']>, store: ObjectStore): Promise<EnvSource> {
  const found = await store.get(code.key)
  if (found.kind !== 'found')
    throw new MillraceError('E_ENV_UNKNOWN', `the code of env '${id}' is not in the bucket`, { key: code.key })
  if (sha256Hex(found.body) !== code.sha256)
    throw new MillraceError('E_ENV_UNKNOWN', `the code of env '${id}' was altered`, {
      key: code.key,
      [DAMAGED]: code.key,
    })
  const module = await importEnvModule(id, found.body)
  const source = (module['default'] as { readonly env?: EnvSource } | undefined)?.env
  if (source === undefined)
    throw new MillraceError('E_ENV_UNKNOWN', `the code of env '${id}' has no experiment with an env`, {
      key: code.key,
    })
  return source
}

/**
 * Imported from a file in a folder of its own, which is gone afterwards. Its random name is left out of what the user reads, so that
 * every function says the same of the same mistake.
 */
async function importEnvModule(id: string, code: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'millrace-env-')))
  try {
    const file = join(folder, 'experiment.mjs')
    await writeFile(file, code)
    const describe = (env: string, thrown: string) => failedOnlyThere(env, thrown.replaceAll(`${folder}${sep}`, ''))
    return await importUserModule(id, file, code, describe)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
