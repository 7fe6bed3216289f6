import { systemClock } from '../../shared/cloud/clock.ts'
import type { BatchQueue, Clock, QueueMessage } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'

export interface MemoryQueue extends BatchQueue {
  /** Messages that can be received now, and those received but not yet deleted. */
  readonly visible: number
  readonly inFlight: number
  readonly deadLetters: readonly { readonly body: string; readonly reason: string }[]
  /** Makes every message in flight visible again, as when its visibility timeout ran out: a second delivery. */
  redeliver(): void
  /** The next requests of this kind fail with E_QUEUE, `times` of them. */
  failNext(kind: 'send' | 'receive' | 'delete', times?: number): void
}

interface Stored {
  readonly id: string
  readonly body: string
  receiveCount: number
}

/**
 * A BatchQueue in memory: at least once, with SQS's limits. Deleting what was never received is refused.
 * @param options.maxBytes the limit of a body in UTF-8 bytes
 */
export function memoryQueue(options: { readonly clock?: Clock; readonly maxBytes?: number } = {}): MemoryQueue {
  const { clock = systemClock, maxBytes = 1_048_576 } = options
  const ready: Stored[] = []
  const flying = new Map<string, Stored>()
  const handedOut = new Set<string>()
  const deadLetters: { body: string; reason: string }[] = []
  const waiters = new Set<() => void>()
  const failures = { send: 0, receive: 0, delete: 0 }
  let sequence = 0

  const wake = () => {
    for (const waiter of waiters) waiter()
  }
  const enter = async (kind: keyof typeof failures) => {
    await Promise.resolve()
    if (failures[kind] === 0) return
    failures[kind]--
    throw new MillraceError('E_QUEUE', `the queue failed a ${kind}, as the test asked`)
  }
  const take = (max: number): QueueMessage[] =>
    ready.splice(0, max).map((stored) => {
      stored.receiveCount++
      const receipt = `${stored.id}#${stored.receiveCount}`
      flying.set(receipt, stored)
      handedOut.add(receipt)
      return { id: stored.id, receipt, body: stored.body, receiveCount: stored.receiveCount }
    })
  const checkReceipts = (messages: readonly QueueMessage[]) => {
    const unknown = messages.find((message) => !handedOut.has(message.receipt))
    if (unknown)
      throw new MillraceError('E_QUEUE', `message ${unknown.id} was never received from this queue`, { id: unknown.id })
  }

  return {
    deadLetters,
    get visible() {
      return ready.length
    },
    get inFlight() {
      return flying.size
    },
    redeliver() {
      ready.push(...flying.values())
      flying.clear()
      wake()
    },
    failNext(kind, times = 1) {
      failures[kind] += times
    },
    async send(body) {
      const bytes = Buffer.byteLength(body)
      if (bytes < 1 || bytes > maxBytes)
        throw new MillraceError('E_QUEUE', `a message has 1 to ${maxBytes} bytes, got ${bytes}`)
      await enter('send')
      ready.push({ id: `message-${++sequence}`, body, receiveCount: 0 })
      wake()
    },
    async receive({ max, waitMs, signal }) {
      if (!Number.isInteger(max) || max < 1 || max > 10)
        throw new MillraceError('E_QUEUE', `a receive takes 1 to 10 messages, got ${max}`)
      if (!(waitMs >= 0 && waitMs <= 20_000))
        throw new MillraceError('E_QUEUE', `a receive waits 0 to 20,000 ms, got ${waitMs}`)
      await enter('receive')
      if (ready.length === 0 && waitMs > 0 && !signal?.aborted) await waitForMessage(waitMs, signal)
      return signal?.aborted ? [] : take(max)
    },
    async delete(messages) {
      checkReceipts(messages)
      await enter('delete')
      for (const message of messages) flying.delete(message.receipt)
    },
    async reject(message, reason) {
      checkReceipts([message])
      await enter('delete')
      deadLetters.push({ body: message.body, reason })
      flying.delete(message.receipt)
    },
  }

  async function waitForMessage(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const until = clock.now() + waitMs
    while (ready.length === 0 && !signal?.aborted && clock.now() < until) {
      const woken = new AbortController()
      const waiter = () => woken.abort()
      waiters.add(waiter)
      signal?.addEventListener('abort', waiter, { once: true })
      await clock.sleep(until - clock.now(), woken.signal)
      waiters.delete(waiter)
      signal?.removeEventListener('abort', waiter)
    }
  }
}
