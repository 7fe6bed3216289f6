import type { BatchQueue, Clock, ObjectStore, QueueMessage } from '../../../shared/cloud/ports.ts'
import { Deletions } from '../../publish/deletions.ts'

const MAX_DELETE = 10
/** They wait this long to be deleted together, well within the time after which they would come back. */
const FLUSH_AFTER_MS = 5_000

/** What is needed to acknowledge a fragment. */
export interface Done {
  readonly message: QueueMessage
  readonly key: string | undefined
}

export interface DoneMessagesOptions {
  readonly queue: BatchQueue
  readonly store: ObjectStore
  readonly clock: Clock
  readonly onEvent: (text: string) => void
  /** Requests made, for the bill. */
  readonly onRequests: (made: { readonly sqs: number }) => void
}

/** Messages that were consumed, and their bodies in the bucket: deleted in bulk. */
export class DoneMessages {
  private readonly clock: Clock
  private readonly messages: Deletions<QueueMessage>
  private readonly bodies: Deletions<string>
  private flushedAt: number

  constructor({ queue, store, clock, onEvent, onRequests }: DoneMessagesOptions) {
    this.clock = clock
    this.flushedAt = clock.monotonic()
    const deleteMessages = (messages: readonly QueueMessage[]) => {
      onRequests({ sqs: Math.ceil(messages.length / MAX_DELETE) })
      return queue.delete(messages)
    }
    this.messages = new Deletions({ clock, onEvent, what: 'messages', delete: deleteMessages })
    const deleteBodies = (keys: readonly string[]) => store.delete(keys)
    this.bodies = new Deletions({ clock, onEvent, what: 'bodies of messages', delete: deleteBodies })
  }

  put({ message, key }: Done): void {
    this.messages.add(message)
    if (key !== undefined) this.bodies.add(key)
    if (this.messages.size >= MAX_DELETE) this.flush()
  }

  /** Deletes those that have waited long enough. */
  tick(): void {
    if (this.clock.monotonic() - this.flushedAt >= FLUSH_AFTER_MS) this.flush()
  }

  /** Deletes all that is left. */
  async close(): Promise<void> {
    await Promise.all([this.messages.close(), this.bodies.close()])
  }

  private flush(): void {
    this.flushedAt = this.clock.monotonic()
    void this.messages.flush()
    void this.bodies.flush()
  }
}
