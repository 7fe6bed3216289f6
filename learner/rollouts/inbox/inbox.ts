import { openFragment } from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { type Patience, patientQueue, patientStore } from '../../../shared/cloud/patience.ts'
import type { BatchQueue, Clock, ObjectStore, QueueMessage } from '../../../shared/cloud/ports.ts'
import { MillraceError, isMillraceError } from '../../../shared/errors.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { type FragmentMessage, type InvocationFailed, parseMessage } from '../../../shared/protocol/message.ts'
import type { Admission } from './admission.ts'
import { DoneMessages } from './doneMessages.ts'
import { Watermark } from './watermark.ts'

const LONG_POLL_MS = 20_000
const MAX_RECEIVE = 10
/** Fragments of this run that may be rejected in a row, none of them good, before the run ends with the reason. */
const MAX_REJECTED = 8

export interface InboxOptions {
  readonly queue: BatchQueue
  readonly store: ObjectStore
  readonly clock: Clock
  /** For what fails and may pass. Deletes are tried again without it. */
  readonly patience: Patience
  readonly run: string
  /** What becomes of another run's messages; see `RunCloud.leftovers`. */
  readonly leftovers: 'reject' | 'delete'
  readonly shards: number
  /** By shard: what came before this sequence number is behind an attempt that is resumed. From 0 unless told. */
  readonly from?: readonly number[] | undefined
  /** A fragment came damaged. */
  readonly onLost?: ((fragment: { readonly shard: number; readonly sequence: number }) => void) | undefined
  /** Fragments held here at most; when it is full nothing more is received. */
  readonly capacity: number
  /** Which messages can be answers to what was asked for; throws why one cannot. Without it all are. */
  readonly admission?: Pick<Admission, 'fragment' | 'report' | 'failure'> | undefined
  /** Checks a decoded fragment against what its lease promised; throws what is wrong with it. */
  readonly check: (fragment: SampleBatch) => void
  readonly onFragment: (fragment: SampleBatch) => void
  /** A message came that cannot be read, whatever it was. */
  readonly onUnreadable?: (() => void) | undefined
  /** Something came that cannot be used. */
  readonly onRejected?: () => void
  readonly onLeaseEnd: (report: LeaseReport) => void
  /** The platform says that a lease came to nothing. */
  readonly onInvocationFailed: (failed: InvocationFailed) => void
  readonly onEvent: (text: string) => void
  readonly onFatal: (error: unknown) => void
  /** Requests made, for the bill. */
  readonly onRequests: (made: { readonly s3Get?: number; readonly sqs?: number }) => void
  readonly signal: AbortSignal
}

type Rejection = 'duplicate' | 'corrupt' | 'foreign'

/** A fragment being opened, or found good and not yet consumed. */
interface Held {
  /** Its newest delivery: only that receipt is sure to delete it. */
  message: QueueMessage
  readonly key: string | undefined
  readonly good: Promise<boolean>
}

/**
 * The learner's end of the queue. Receives, opens and checks fragments; whatever is a duplicate, corrupt or of another run is
 * counted, told and put away, and never gets further. A message is deleted only once its fragment was consumed.
 */
export class Inbox {
  private readonly options: InboxOptions
  private readonly seen = new Map<number, Watermark>()
  private readonly held = new Map<string, Held>()
  private readonly opening = new Set<Promise<void>>()
  private roomWaiter: (() => void) | undefined
  private readonly store: ObjectStore
  private readonly queue: BatchQueue
  private readonly done: DoneMessages
  /** Since when there has been room, and an answer to every receive; while there is not, never. */
  private roomSince: number
  private heardAt: number
  private readonly marks: number[]
  private rejectedInARow = 0
  /** Fragments that wait for another of their number to be judged, and those that could not be read. */
  private undecided = 0
  private readonly counts = { duplicate: 0, corrupt: 0, foreign: 0 }

  constructor(options: InboxOptions) {
    this.options = options
    const { store, queue, patience } = options
    this.store = patientStore(store, patience)
    this.queue = patientQueue(queue, patience)
    this.done = new DoneMessages(options)
    this.roomSince = this.heardAt = options.clock.monotonic()
    this.marks = Array.from({ length: options.shards }, (_, shard) => options.from?.[shard] ?? 0)
  }

  get rejected(): Readonly<Record<Rejection, number>> {
    return this.counts
  }

  /** By shard: the sequence number after the last fragment consumed. */
  get consumedUpTo(): readonly number[] {
    return this.marks
  }

  /** Fragments received and not yet consumed. */
  get size(): number {
    return this.held.size
  }

  /** Fragments received, and neither consumed nor put away. */
  get inHand(): number {
    return this.held.size + this.undecided
  }

  /**
   * Was the queue listened to without a break since then (monotonic ms)? Not while there was no room, nor where the answer to a
   * receive is long overdue: what was sent may wait in the queue.
   */
  heardAllSince(ms: number): boolean {
    return this.roomSince <= ms && this.options.clock.monotonic() - this.heardAt <= 2 * LONG_POLL_MS
  }

  /** Is the queue listened to now? */
  get listens(): boolean {
    return this.heardAllSince(this.options.clock.monotonic())
  }

  /** Receives until the signal aborts. */
  async pump(): Promise<void> {
    const { queue, signal, capacity, clock, patience, onRequests } = this.options
    const failed = () => {
      this.roomSince = Number.POSITIVE_INFINITY
    }
    while (!signal.aborted) {
      this.done.tick()
      if (this.size >= capacity) {
        this.roomSince = Number.POSITIVE_INFINITY
        await new Promise<void>((resolve) => {
          this.roomWaiter = resolve
        })
        this.roomSince = clock.monotonic()
        continue
      }
      const max = Math.min(MAX_RECEIVE, capacity - this.size)
      const receive = () => queue.receive({ max, waitMs: LONG_POLL_MS, signal })
      const messages = await patience.try(receive, { signal, failed })
      onRequests({ sqs: 1 })
      this.heardAt = clock.monotonic()
      if (this.roomSince === Number.POSITIVE_INFINITY) this.roomSince = this.heardAt
      for (const message of messages) {
        const opened: Promise<void> = this.accept(message)
          .catch((error: unknown) => this.options.onFatal(error))
          .finally(() => this.opening.delete(opened))
        this.opening.add(opened)
      }
    }
  }

  /** A fragment went into training, or was dropped for good: its message and its body may go. */
  consumed(fragment: SampleBatch): void {
    const id = fragmentId(fragment.provenance)
    const held = this.held.get(id)
    if (!held) return
    this.held.delete(id)
    const { shard, sequence } = fragment.provenance
    this.marks[shard] = Math.max(this.marks[shard] ?? 0, sequence + 1)
    this.done.put(held)
    this.wake()
  }

  /** Ends receiving; waits for what is under way. */
  async close(): Promise<void> {
    this.wake()
    await Promise.all(this.opening)
    await this.done.close()
  }

  private wake(): void {
    this.roomWaiter?.()
    this.roomWaiter = undefined
  }

  private async accept(message: QueueMessage): Promise<void> {
    let parsed: ReturnType<typeof parseMessage>
    try {
      parsed = parseMessage(message.body)
    } catch (error) {
      this.options.onUnreadable?.()
      return await this.reject(message, 'corrupt', sentence(error))
    }
    const run = parsed.kind === 'leaseEnd' ? parsed.report.run : parsed.run
    if (run !== this.options.run) return await this.foreign(message, run)
    if (parsed.kind === 'fragment') return await this.acceptFragment(message, parsed)
    try {
      if (parsed.kind === 'leaseEnd') this.options.admission?.report(parsed.report, parsed.token)
      else this.options.admission?.failure(parsed)
    } catch (error) {
      return await this.reject(message, 'foreign', sentence(error))
    }
    this.done.put({ message, key: undefined })
    if (parsed.kind === 'leaseEnd') this.options.onLeaseEnd(parsed.report)
    else this.options.onInvocationFailed(parsed)
  }

  private async acceptFragment(message: QueueMessage, parsed: FragmentMessage): Promise<void> {
    const { check, onFragment, onRequests, signal } = this.options
    const key = parsed.body.in === 'bucket' ? parsed.body.key : undefined
    // Nothing is kept for a shard that does not exist.
    const seen = parsed.shard < this.options.shards ? this.watermark(parsed.shard) : undefined
    const id = fragmentId(parsed)
    // Until the first of its number is found good, this may be the good one.
    this.undecided++
    while (this.held.has(id)) if (await this.held.get(id)?.good) break
    this.undecided--
    if (this.held.has(id) || seen?.has(parsed.sequence)) return this.duplicate(message, parsed)
    try {
      this.options.admission?.fragment(parsed)
    } catch (error) {
      return await this.reject(message, 'foreign', sentence(error))
    }
    let found: (good: boolean) => void = () => undefined
    this.held.set(id, { message, key, good: new Promise((resolve) => (found = resolve)) })
    let fragment: SampleBatch
    try {
      if (key !== undefined) onRequests({ s3Get: 1 })
      fragment = await openFragment(parsed, this.store)
      check(fragment)
    } catch (error) {
      this.held.delete(id)
      found(false)
      if (isMillraceError(error, 'E_STORE')) {
        this.undecided++
        throw error
      }
      await this.reject(message, 'corrupt', sentence(error))
      this.giveUp(error)
      return this.options.onLost?.(parsed)
    }
    found(true)
    this.rejectedInARow = 0
    if (signal.aborted) return
    this.watermark(parsed.shard).add(parsed.sequence)
    onFragment(fragment)
  }

  private async foreign(message: QueueMessage, run: string): Promise<void> {
    if (this.options.leftovers === 'reject') return await this.reject(message, 'foreign', `it belongs to run ${run}`)
    // Nothing of this run was dropped.
    this.done.put({ message, key: undefined })
  }

  private duplicate(message: QueueMessage, { run, shard, lease, sequence, body }: FragmentMessage): void {
    this.counts.duplicate++
    const held = this.held.get(fragmentId({ shard, sequence }))
    // The very message again: to delete it now would be to delete it before its fragment was consumed.
    if (held?.message.id === message.id) {
      held.message = message
      return
    }
    // Another lease's copy has a body of its own; the first one's may still be needed, and any other key is none of ours.
    const own = keys.batch(run, shard, lease, sequence)
    this.done.put({ message, key: body.in === 'bucket' && body.key === own && held?.key !== own ? own : undefined })
  }

  /** The first sequence number of a shard that has not come yet. */
  firstMissing(shard: number): number {
    return this.watermark(shard).next
  }

  /** Has this fragment come, and was it good? */
  has(shard: number, sequence: number): boolean {
    return this.watermark(shard).has(sequence)
  }

  /** The sequence number after the last one of a shard that came. */
  afterLast(shard: number): number {
    return this.watermark(shard).end
  }

  private watermark(shard: number): Watermark {
    const known = this.seen.get(shard)
    if (known) return known
    const fresh = new Watermark(this.options.from?.[shard])
    this.seen.set(shard, fresh)
    return fresh
  }

  private async reject(message: QueueMessage, kind: Rejection, reason: string): Promise<void> {
    this.counts[kind]++
    this.options.onRejected?.()
    this.options.onEvent(`a message was put into the dead-letter queue (${kind}): ${reason}`)
    this.options.onRequests({ sqs: 2 })
    try {
      await this.queue.reject(message, reason)
    } catch (error) {
      this.options.onEvent(`it could not be put there, and comes again: ${sentence(error)}`)
    }
  }

  /** A function makes its fragments the same way every time: what is wrong with so many will be wrong with the next. */
  private giveUp(error: unknown): void {
    if (++this.rejectedInARow < MAX_REJECTED) return
    const known = isMillraceError(error) ? error : new MillraceError('E_BATCH_FORMAT', sentence(error))
    const text = `${known.message}; ${this.rejectedInARow} fragments in a row were rejected, and none was good`
    this.options.onFatal(new MillraceError(known.code, text, known.where, { cause: error }))
  }
}

function fragmentId(at: { readonly shard: number; readonly sequence: number }): string {
  return `${at.shard}/${at.sequence}`
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
