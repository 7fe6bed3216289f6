import type { CloudFaults } from '../../learner/run/fragmentFates.ts'
import type { BatchQueue, QueueMessage } from '../../shared/cloud/ports.ts'

interface Known {
  readonly isFragment: boolean
  /** To the learner. */
  deliveries: number
}

/**
 * Counts a run's messages where they are kept and where the learner takes them, so that nothing of it is the learner's own word: what
 * functions sent, what the cloud added, what was given out how often, and what never was.
 */
export class MessageLedger {
  /** Those that may still be delivered: not of a run's whole life. */
  private readonly known = new Map<string, Known>()
  private againBefore = 0
  private sent = 0
  private copied = 0
  private rejectedOthers = 0
  /** Deliveries: one that fails to be put away is tried again. */
  private readonly rejected = new WeakSet<QueueMessage>()

  /** A queue keeps a message. @param body as it was sent */
  kept(id: string, body: string, isCopy: boolean): void {
    const isFragment = isFragmentText(body)
    this.known.set(id, { isFragment, deliveries: 0 })
    if (!isFragment) return
    if (isCopy) this.copied++
    else this.sent++
  }

  /** The learner's end of the queue, counted. */
  watched(queue: BatchQueue): BatchQueue {
    return {
      ...queue,
      receive: async (options) => {
        const messages = await queue.receive(options)
        for (const { id } of messages) this.delivered(id)
        return messages
      },
      delete: async (messages) => {
        await queue.delete(messages)
        for (const { id } of messages) this.deleted(id)
      },
      reject: async (message, reason) => {
        if (this.known.get(message.id)?.isFragment === false && !this.rejected.has(message)) this.rejectedOthers++
        this.rejected.add(message)
        await queue.reject(message, reason)
      },
    }
  }

  /** Until now. */
  counts(): Omit<CloudFaults, 'injected' | 'failedCalls'> {
    let [undelivered, again] = [0, this.againBefore]
    for (const { isFragment, deliveries } of this.known.values()) {
      if (!isFragment) continue
      if (deliveries === 0) undelivered++
      else again += deliveries - 1
    }
    const { sent, copied, rejectedOthers } = this
    return { sent, copied, undelivered, again, rejectedOthers }
  }

  private delivered(id: string): void {
    const known = this.known.get(id)
    if (known) known.deliveries++
  }

  private deleted(id: string): void {
    const known = this.known.get(id)
    if (!this.known.delete(id)) return
    if (known?.isFragment && known.deliveries > 0) this.againBefore += known.deliveries - 1
  }
}

const isFragmentText = (body: string): boolean => body.startsWith('{"kind":"fragment"')
