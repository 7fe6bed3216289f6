import { envSource } from '../../functions/envSource.ts'
import type { RunCloud } from '../../learner/run/cloud.ts'
import { systemClock } from '../../shared/cloud/clock.ts'
import type { BatchQueue, ObjectStore, QueueMessage } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'
import { OwnOutput } from './ownOutput.ts'
import { parseInvocation } from '../../shared/protocol/invocation.ts'
import { RolloutWorkers, runInvocation } from '../../shared/rollout/index.ts'

/** A debugger stops everything for as long as its user thinks: no lease may be taken for dead meanwhile. */
const HEARTBEAT_MS = 24 * 3600 * 1000

/**
 * A run's cloud inside this process: no sockets, no other process, no other thread. Functions run as far as they can, in turn,
 * on the same stack that a debugger sees. Queue and store are memory; nothing is delivered twice.
 */
export function serialCloud(): RunCloud {
  const store = memoryStore()
  const queue = memoryQueue()
  const stop = new AbortController()
  const running = new Set<Promise<unknown>>()
  const environments: RolloutWorkers[] = []
  const idle: RolloutWorkers[] = []
  let output: OwnOutput | undefined
  return {
    where: 'one process',
    store,
    queue,
    clock: systemClock,
    bucket: 'memory',
    queueUrl: 'memory://queue',
    spillAboveBytes: 0,
    manifestPollMs: 0,
    heartbeatMs: HEARTBEAT_MS,
    memoryMb: 1769,
    trainWorker: undefined,
    invoker: {
      async invoke(payload) {
        const leases = parseInvocation(JSON.parse(new TextDecoder().decode(payload)))
        const kept = idle.pop()
        const environment = kept ?? new RolloutWorkers()
        if (!kept) environments.push(environment)
        // Its reports say how it ended, and go through the queue like any function's.
        const run = runInvocation({
          leases,
          ports: { store, queue, clock: systemClock },
          workers: environment.take(leases.length),
          source: envSource,
          within: ({ shard }, work) => output?.run(shard, work) ?? work(),
          signal: stop.signal,
          coldStart: kept === undefined,
        })
        const settled = run
          .catch(() => {})
          .finally(() => {
            running.delete(settled)
            idle.push(environment)
          })
        running.add(settled)
        return { kind: 'accepted' }
      },
    },
    onFunctionOutput(listener) {
      output?.close()
      output = new OwnOutput(listener)
    },
    forRun: async () => serialCloud(),
    async close() {
      stop.abort()
      await Promise.all(running)
      for (const environment of environments) environment.close()
      output?.close()
    },
  }
}

function memoryStore(): ObjectStore {
  const objects = new Map<string, { readonly body: Uint8Array; readonly etag: string }>()
  let writes = 0
  return {
    async get(key, { ifNoneMatch } = {}) {
      const found = objects.get(key)
      if (!found) return { kind: 'absent' }
      return found.etag === ifNoneMatch ? { kind: 'notModified' } : { kind: 'found', ...found }
    },
    async put(key, body, { ifAbsent, ifMatch } = {}) {
      const there = objects.get(key)
      if ((ifAbsent && there) || (ifMatch !== undefined && there?.etag !== ifMatch)) {
        throw new MillraceError('E_STORE_PRECONDITION', `did not write ${key}: another writer was first`, { key })
      }
      const etag = `"${++writes}"`
      objects.set(key, { body: body.slice(), etag })
      return etag
    },
    list: async (prefix) => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(),
    async delete(keys) {
      for (const key of keys) objects.delete(key)
    },
  }
}

function memoryQueue(): BatchQueue {
  const waiting: QueueMessage[] = []
  let sent = 0
  const wakes = new Set<() => void>() // several may wait at once
  return {
    async send(body) {
      const id = String(++sent)
      waiting.push({ id, receipt: id, body, receiveCount: 1 })
      for (const wake of wakes) wake()
    },
    async receive({ max, waitMs, signal }) {
      if (waiting.length === 0 && waitMs > 0 && !signal?.aborted) {
        const woken = new AbortController()
        const end = () => woken.abort()
        wakes.add(end)
        signal?.addEventListener('abort', end, { once: true })
        await systemClock.sleep(waitMs, woken.signal)
        wakes.delete(end)
        signal?.removeEventListener('abort', end)
      }
      return signal?.aborted ? [] : waiting.splice(0, max)
    },
    async delete() {}, // received is gone: nothing is delivered twice
    async reject() {},
  }
}
