import type { BatchQueue, ObjectStore } from '../../shared/cloud/ports.ts'
import { type ErrorCode, MillraceError } from '../../shared/errors.ts'
import { Random } from '../../shared/random.ts'

export type StoreCall = 'get' | 'put' | 'list' | 'delete'
export type QueueCall = 'send' | 'receive' | 'delete' | 'reject'

const passing = (code: ErrorCode, call: string): MillraceError =>
  new MillraceError(code, `${call} met a bad minute, as the test asked`, { status: 503, mayPass: true })

/** A store whose calls fail, in a way that may pass, whenever `fails` says so. */
export function badStore(
  store: ObjectStore,
  fails: (call: StoreCall, keys: readonly string[]) => boolean,
): ObjectStore {
  const enter = async (call: StoreCall, keys: readonly string[]) => {
    await Promise.resolve()
    if (fails(call, keys)) throw passing('E_STORE', call)
  }
  return {
    get: async (key, options) => (await enter('get', [key]), store.get(key, options)),
    put: async (key, body, condition) => (await enter('put', [key]), store.put(key, body, condition)),
    list: async (prefix) => (await enter('list', []), store.list(prefix)),
    delete: async (keys) => (await enter('delete', keys), store.delete(keys)),
  }
}

/** The same of a queue. A failed send may have been taken all the same, where `taken` says so. */
export function badQueue(
  queue: BatchQueue,
  fails: (call: QueueCall) => boolean,
  taken: () => boolean = () => false,
): BatchQueue {
  const enter = async (call: QueueCall) => {
    await Promise.resolve()
    if (fails(call)) throw passing('E_QUEUE', call)
  }
  return {
    async send(body) {
      await Promise.resolve()
      const failed = fails('send')
      if (!failed || taken()) await queue.send(body)
      if (failed) throw passing('E_QUEUE', 'send')
    },
    receive: async (options) => (await enter('receive'), queue.receive(options)),
    delete: async (messages) => (await enter('delete'), queue.delete(messages)),
    reject: async (message, reason) => (await enter('reject'), queue.reject(message, reason)),
  }
}

/** So many of a hundred calls, from a seed. */
export function percent(share: number, seed: number): () => boolean {
  const random = new Random(seed)
  return () => random.uniform() < share / 100
}
