import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { AwsError } from '../awsError.ts'
import type { MessageFaults } from '../faults/faults.ts'
import { MessageHeap } from './messageHeap.ts'
import { type Attributes, checkAttributes, DEFAULT_ATTRIBUTES, parseRedrive, type Redrive } from './attributes.ts'
import { checkOutgoing, md5Hex, type Message, type Outgoing, sizeOf } from './message.ts'
import { after } from '../timer.ts'

export interface ReceiveOptions {
  /** 1 … 10. */
  readonly max: number
  /** Without it, the queue's own. */
  readonly visibilityMs?: number | undefined
}

export interface QueueParts {
  readonly clock: Clock
  readonly deadLetterQueue: (arn: string) => SqsQueue | undefined
  readonly faults?: MessageFaults | undefined
}

interface Waiter extends ReceiveOptions {
  readonly deadline: number
  readonly finish: (messages: readonly Message[]) => void
}

/**
 * One standard queue. Visible messages are taken oldest first; a received or delayed one is hidden until its time comes.
 * Nothing happens by timer unless somebody waits: one timer, for the next message to appear or the next waiter to give up.
 */
export class SqsQueue {
  readonly name: string
  readonly arn: string
  readonly created: number
  modified: number
  private attributes: Attributes = DEFAULT_ATTRIBUTES
  private redrive: Redrive | undefined
  private readonly clock: Clock
  private readonly deadLetterQueue: (arn: string) => SqsQueue | undefined
  private readonly faults: MessageFaults | undefined
  private readonly byId = new Map<string, Message>()
  private readonly ready = new Set<Message>()
  private readonly hidden = new MessageHeap()
  private readonly waiters = new Set<Waiter>()
  private timer: { readonly due: number; readonly cancel: () => void } | undefined

  constructor(name: string, { clock, deadLetterQueue, faults }: QueueParts) {
    this.name = name
    this.arn = `arn:aws:sqs:us-east-1:000000000000:${name}`
    this.clock = clock
    this.deadLetterQueue = deadLetterQueue
    this.faults = faults
    this.created = clock.now()
    this.modified = this.created
  }

  /** Long polls that wait now. */
  get waiting(): number {
    return this.waiters.size
  }

  /** @throws AwsError InvalidMessageContents, InvalidParameterValue (too long, a bad attribute or delay) */
  send(outgoing: Outgoing): Message {
    checkOutgoing(outgoing)
    const limit = this.setting('MaximumMessageSize')
    if (sizeOf(outgoing) > limit) {
      throw new AwsError(
        400,
        'InvalidParameterValue',
        `One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`,
      )
    }
    const delaySeconds = outgoing.delaySeconds ?? this.setting('DelaySeconds')
    if (!(delaySeconds >= 0 && delaySeconds <= 900)) {
      throw new AwsError(
        400,
        'InvalidParameterValue',
        `Value ${delaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`,
      )
    }
    const now = this.clock.now()
    const message: Message = {
      id: randomUUID(),
      body: outgoing.body,
      md5: md5Hex(outgoing.body),
      attributes: outgoing.attributes ?? {},
      sentAt: now,
      ...FRESH,
      visibleAt: now + delaySeconds * 1000,
    }
    if (this.faults === undefined) this.add(message)
    else for (const kept of this.faults.taken(this.name, message)) this.add(kept)
    return message
  }

  /** What is visible now, at most `max`; what was received too often goes to the dead-letter queue instead. */
  receiveNow(options: ReceiveOptions): readonly Message[] {
    const now = this.clock.now()
    this.reveal(now)
    const visibilityMs = options.visibilityMs ?? this.setting('VisibilityTimeout') * 1000
    const oldest = now - this.setting('MessageRetentionPeriod') * 1000
    const taken: Message[] = []
    for (const message of this.ready) {
      if (taken.length === options.max) break
      this.ready.delete(message)
      if (message.sentAt < oldest) this.byId.delete(message.id)
      else if (!this.moveToDeadLetters(message)) {
        message.receiveCount++
        message.firstReceivedAt ??= now
        message.visibleAt = now + (this.faults?.againAfterMs(this.name, message) ?? visibilityMs)
        message.inFlight = true
        this.hidden.push(message)
        taken.push(message)
      }
    }
    return taken
  }

  /** As `receiveNow`, but waits for the first message, up to `waitMs`. An aborted wait takes no message and gives back []. */
  receive(options: ReceiveOptions, waitMs = 0, signal?: AbortSignal): Promise<readonly Message[]> {
    if (signal?.aborted) return Promise.resolve([])
    const taken = this.receiveNow(options)
    if (taken.length > 0 || waitMs <= 0) return Promise.resolve(taken)
    return new Promise((resolve) => {
      const finish = (messages: readonly Message[]) => {
        this.waiters.delete(waiter)
        signal?.removeEventListener('abort', stop)
        resolve(messages)
      }
      const stop = () => {
        finish([])
        this.arm()
      }
      const waiter = { ...options, deadline: this.clock.now() + waitMs, finish }
      this.waiters.add(waiter)
      signal?.addEventListener('abort', stop, { once: true })
      this.arm()
    })
  }

  /** The handle of a message's latest delivery. */
  receiptOf(message: Message): string {
    return `${this.name}/${message.id}/${message.receiveCount}`
  }

  /** Deletes a message by the handle of its latest delivery; an older handle, or a message already gone, changes nothing. */
  delete(receipt: string): void {
    const message = this.find(receipt)
    if (message === undefined) return
    this.byId.delete(message.id)
    this.ready.delete(message)
    if (message.at >= 0) this.hidden.remove(message)
  }

  /** @param ms from now; 0 makes it visible at once @throws AwsError ReceiptHandleIsInvalid, MessageNotInflight */
  changeVisibility(receipt: string, ms: number): void {
    const message = this.find(receipt)
    this.reveal(this.clock.now())
    if (message === undefined || !message.inFlight) {
      throw new AwsError(400, 'MessageNotInflight', 'The specified message is not in flight.')
    }
    this.hidden.remove(message)
    message.visibleAt = this.clock.now() + ms
    this.hidden.push(message)
    this.pump()
  }

  purge(): void {
    this.byId.clear()
    this.ready.clear()
    this.hidden.clear()
  }

  /** @throws AwsError InvalidAttributeName, InvalidAttributeValue, InvalidParameterValue (no such dead-letter queue) */
  configure(attributes: Attributes): void {
    checkAttributes(attributes)
    const merged = { ...this.attributes, ...attributes }
    const redrive = parseRedrive(merged['RedrivePolicy'])
    if (redrive !== undefined && this.deadLetterQueue(redrive.targetArn) === undefined) {
      const why = 'Reason: Dead letter target does not exist.'
      throw new AwsError(
        400,
        'InvalidParameterValue',
        `Value ${merged['RedrivePolicy']} for parameter RedrivePolicy is invalid. ${why}`,
      )
    }
    this.redrive = redrive
    this.attributes = merged
    this.modified = this.clock.now()
  }

  /** One of the numeric attributes, in the unit that SQS gives it (seconds, bytes). */
  setting(name: string): number {
    return Number(this.attributes[name])
  }

  /** Every attribute as GetQueueAttributes shows them. The counts are exact here, though SQS calls them approximate. */
  describe(): Attributes {
    this.reveal(this.clock.now())
    let inFlight = 0
    for (const message of this.hidden) if (message.inFlight) inFlight++
    return {
      ...this.attributes,
      QueueArn: this.arn,
      CreatedTimestamp: String(Math.floor(this.created / 1000)),
      LastModifiedTimestamp: String(Math.floor(this.modified / 1000)),
      ApproximateNumberOfMessages: String(this.ready.size),
      ApproximateNumberOfMessagesNotVisible: String(inFlight),
      ApproximateNumberOfMessagesDelayed: String(this.hidden.size - inFlight),
    }
  }

  /** Ends every wait with nothing and leaves no timer. */
  close(): void {
    for (const waiter of this.waiters) waiter.finish([])
    this.arm()
  }

  private add(message: Message): void {
    this.byId.set(message.id, message)
    if (message.visibleAt > this.clock.now()) this.hidden.push(message)
    else this.ready.add(message)
    if (this.waiters.size > 0) this.pump()
  }

  private reveal(now: number): void {
    for (let next = this.hidden.peek(); next !== undefined && next.visibleAt <= now; next = this.hidden.peek()) {
      this.hidden.remove(next)
      next.inFlight = false
      this.ready.add(next)
    }
  }

  private moveToDeadLetters(message: Message): boolean {
    if (this.redrive === undefined || message.receiveCount < this.redrive.maxReceiveCount) return false
    const target = this.deadLetterQueue(this.redrive.targetArn)
    if (target === undefined) return false
    this.byId.delete(message.id)
    target.add({ ...message, ...FRESH, visibleAt: this.clock.now(), source: this.arn })
    return true
  }

  private find(receipt: string): Message | undefined {
    const [queue, id = '', count] = receipt.split('/')
    if (queue !== this.name || count === undefined) {
      throw new AwsError(
        404,
        'ReceiptHandleIsInvalid',
        `The input receipt handle "${receipt}" is not a valid receipt handle.`,
      )
    }
    const message = this.byId.get(id)
    return message?.receiveCount === Number(count) ? message : undefined
  }

  /** Hands what is visible to those who wait, first come, first served. */
  private pump(): void {
    this.reveal(this.clock.now())
    for (const waiter of this.waiters) {
      if (this.ready.size === 0) break
      const taken = this.receiveNow(waiter)
      if (taken.length > 0) waiter.finish(taken)
    }
    this.arm()
  }

  /** Sets the one timer to when something happens next, or none when nobody waits. */
  private arm(): void {
    let due = this.hidden.peek()?.visibleAt ?? Infinity
    for (const waiter of this.waiters) due = Math.min(due, waiter.deadline)
    if (this.waiters.size > 0 && this.timer?.due === due) return
    this.timer?.cancel()
    this.timer = undefined
    if (this.waiters.size === 0) return
    const ring = () => {
      this.timer = undefined
      const now = this.clock.now()
      for (const waiter of this.waiters) if (waiter.deadline <= now) waiter.finish(this.receiveNow(waiter))
      this.pump()
    }
    this.timer = { due, cancel: after(this.clock, Math.max(0, due - this.clock.now()), ring) }
  }
}

const FRESH = { firstReceivedAt: undefined, receiveCount: 0, inFlight: false, at: -1 }
