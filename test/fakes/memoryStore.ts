import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'

export interface MemoryStore extends ObjectStore {
  /** What is stored, to look at; write with `put`. */
  readonly objects: ReadonlyMap<string, { readonly body: Uint8Array; readonly etag: string }>
  /** Requests so far, by kind. */
  readonly requests: { get: number; notModified: number; put: number; list: number; delete: number }
  /** The next requests of this kind fail with E_STORE, `times` of them. */
  failNext(kind: 'get' | 'put' | 'list' | 'delete', times?: number): void
}

/** An ObjectStore in memory with S3's conditions and limits. Bodies are copied in and out, so that no test leans on sharing. */
export function memoryStore(): MemoryStore {
  const objects = new Map<string, { body: Uint8Array; etag: string }>()
  const requests = { get: 0, notModified: 0, put: 0, list: 0, delete: 0 }
  const failures = { get: 0, put: 0, list: 0, delete: 0 }
  let version = 0

  const enter = async (kind: keyof typeof failures, keys: readonly string[]) => {
    requests[kind]++
    for (const key of keys) checkKey(key)
    await Promise.resolve()
    if (failures[kind] === 0) return
    failures[kind]--
    throw new MillraceError('E_STORE', `the store failed a ${kind}, as the test asked`, { key: keys[0] })
  }

  return {
    objects,
    requests,
    failNext(kind, times = 1) {
      failures[kind] += times
    },
    async get(key, options = {}) {
      await enter('get', [key])
      options.signal?.throwIfAborted()
      const found = objects.get(key)
      if (found === undefined) return { kind: 'absent' }
      if (options.ifNoneMatch === found.etag) {
        requests.notModified++
        return { kind: 'notModified' }
      }
      return { kind: 'found', body: found.body.slice(), etag: found.etag }
    },
    async put(key, body, condition = {}) {
      const copy = body.slice()
      await enter('put', [key])
      if (condition.ifAbsent && condition.ifMatch !== undefined)
        throw new MillraceError('E_STORE', 'ifAbsent and ifMatch exclude each other', { key })
      const found = objects.get(key)
      if (condition.ifAbsent && found !== undefined)
        throw new MillraceError('E_STORE_PRECONDITION', `${key} is already there`, { key })
      if (condition.ifMatch !== undefined && condition.ifMatch !== found?.etag) {
        throw new MillraceError(
          'E_STORE_PRECONDITION',
          `${key} has ETag ${found?.etag ?? '(absent)'}, expected ${condition.ifMatch}`,
          { key },
        )
      }
      const etag = `"${(++version).toString(16).padStart(32, '0')}"`
      objects.set(key, { body: copy, etag })
      return etag
    },
    async list(prefix) {
      await enter('list', [])
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix))
      return keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    },
    async delete(keys) {
      await enter('delete', keys)
      for (const key of keys) objects.delete(key)
    },
  }
}

function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key)
  if (bytes < 1 || bytes > 1024) throw new MillraceError('E_STORE', `a key has 1 to 1,024 bytes, got ${bytes}`, { key })
}
