import { sha256Hex } from '../../shared/batch/hash.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'

const TRIES = 3

/**
 * Writes an object that nobody writes again and that a whole run stands on, and looks whether it is there as it was written.
 *
 * @returns its SHA-256. Whoever reads it checks that, also where it was damaged every time
 * @throws MillraceError E_STORE
 */
export async function putWhole(store: ObjectStore, key: string, body: Uint8Array): Promise<string> {
  const sha256 = sha256Hex(body)
  for (let tries = 0; tries < TRIES; tries++) {
    await store.put(key, body)
    const found = await store.get(key)
    if (found.kind === 'found' && sha256Hex(found.body) === sha256) break
  }
  return sha256
}
