import type { CallFaults, FaultSetting } from '../../../shared/faults/index.ts'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { AwsError } from '../awsError.ts'
import type { FaultAction, FaultRequest } from './faults.ts'
import type { LocalCloudOptions } from '../cloud.ts'
import { FaultDice, damagedBytes, damagedText } from './dice.ts'
import type { Fault, FaultPoint, KillOn } from '../lambda/invoke.ts'
import { type Message, md5Hex } from '../sqs/message.ts'
import { randomUUID } from 'node:crypto'

export interface StormOptions {
  readonly clock: Clock
  /** Whose messages are faulty: what is put away as bad is none of the weather's business. */
  readonly isData: (queue: string) => boolean
  /** Told of every message that a queue of data keeps: its id, its body as it was sent, and whether it is a copy. */
  readonly onKept?: (id: string, body: string, isCopy: boolean) => void
}

/** A lease that is to end at one of its sends. */
interface Doom {
  readonly kind: string
  /** The send at which it ends, from 1. */
  readonly at: number
  /** Is that message lost with it? */
  readonly loses: boolean
  readonly abort: AbortController
  sends: number
}

/** A function that is to end while it works ends at one of its first sends. */
const FIRST_SENDS = 12
const GOODBYE = '{"kind":"leaseEnd"'
/** Delivered once more so soon after: while its fragment is in hand, or just trained on. */
const AGAIN_MS = 50
const OVERTAKEN_MS = 20

/**
 * Turns a setting into faults of the emulated cloud. Every decision is drawn from (seed, kind of fault, how many of its occasions there
 * were, or whose it is), so that one seed gives the same faults as far as timing allows. Each fault is counted by its kind as it
 * happens.
 */
export class Storm {
  private readonly setting: FaultSetting
  private readonly options: StormOptions
  private readonly dice: FaultDice
  private readonly began: number
  private readonly counts = new Map<string, number>()
  /** By lease: those that are still to end. */
  private readonly doomed = new Map<string, Doom>()

  constructor(setting: FaultSetting, options: StormOptions) {
    this.setting = setting
    this.options = options
    this.dice = new FaultDice(setting.seed)
    this.began = options.clock.monotonic() - setting.elapsedMs
  }

  /** Faults that happened so far, by kind. */
  get injected(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** For `localCloud`. */
  hooks(): Required<Pick<LocalCloudOptions, 'faults' | 'messageFaults' | 'objectFaults'>> & {
    readonly lambda: NonNullable<LocalCloudOptions['lambda']>
  } {
    return {
      faults: (request) => this.call(request),
      messageFaults: {
        taken: (queue, message) => (this.options.isData(queue) ? this.taken(message) : [message]),
        againAfterMs: (queue, message) => (this.options.isData(queue) ? this.again(message) : undefined),
      },
      objectFaults: (_bucket, _key, body) => this.written(body),
      lambda: { faults: (point) => this.invocation(point), clockSkewMs: () => this.skew() },
    }
  }

  private call({ service, operation }: FaultRequest): FaultAction | undefined {
    const { calls, outage } = this.setting
    if (outage !== undefined && this.sinceBegin() % outage.everyMs >= outage.everyMs - outage.forMs) {
      this.count(`outage ${service}.${operation}`)
      return { refuse: refusal(service, 'error') }
    }
    const faults = calls[`${service}.${operation}`] ?? calls[service] ?? calls['*']
    if (faults === undefined) return undefined
    const kind = this.dice.oneOf(`${service}.${operation}`, [
      ['throttle', faults.throttle],
      ['error', faults.error],
      ['slow', faults.slow],
      ['dropBefore', faults.dropBefore],
      ['dropAfter', faults.dropAfter],
    ])
    if (kind === undefined) return undefined
    this.count(`${WORDS[kind]} ${service}.${operation}`)
    return this.action(kind, service, faults)
  }

  private action(kind: CallFault, service: string, { slowMs }: CallFaults): FaultAction {
    if (kind === 'slow') return { delayMs: 1 + this.dice.next('slowMs') * slowMs }
    if (kind === 'dropBefore') return { drop: 'before' }
    if (kind === 'dropAfter') return { drop: 'after' }
    return { refuse: refusal(service, kind) }
  }

  /** A lease's fate is its own, however many are given out at once. */
  private invocation({ payload, requestId, attempt }: FaultPoint): Fault | undefined {
    const { lease, id } = leaseIn(payload.toString()) ?? { lease: requestId, id: requestId }
    // Names of runs are random, those of leases are not.
    const { crash, timeout, outOfMemory } = this.setting
    const kind = this.dice.oneOf(
      'invocation',
      [
        ['before', crash.beforeSends],
        ['during', crash.duringSends],
        ['after', crash.afterSends],
        ['timeout', timeout],
        ['outOfMemory', outOfMemory],
      ],
      `${lease}/${attempt}`,
    )
    if (kind === undefined) return undefined
    if (kind === 'before') {
      this.count(ENDS.before)
      return 'crash'
    }
    const at = 1 + Math.floor(this.dice.at('send', `${lease}/${attempt}`) * FIRST_SENDS)
    const doom = { kind: ENDS[kind], at, loses: kind === 'during', abort: new AbortController(), sends: 0 }
    this.doomed.set(id, doom)
    const as: KillOn['as'] = kind === 'timeout' || kind === 'outOfMemory' ? kind : 'crash'
    return { kill: doom.abort.signal, as }
  }

  private taken(message: Message): readonly Message[] {
    this.meetDoom(message)
    const { duplicate, delay, delayMs, reorder, corrupt } = this.setting.messages
    const kept: Message[] = []
    const keep = (one: Message) => {
      this.options.onKept?.(one.id, message.body, kept.length > 0)
      kept.push(one)
    }
    let late = 0
    if (this.dice.happens('delay', delay)) {
      this.count('message delayed')
      late = 1 + this.dice.next('delayMs') * delayMs
    } else if (this.dice.happens('reorder', reorder)) {
      this.count('message reordered')
      late = 1 + this.dice.next('reorderMs') * OVERTAKEN_MS
    }
    keep(this.perhapsCorrupt({ ...message, visibleAt: message.visibleAt + late }, corrupt))
    if (this.dice.happens('duplicate', duplicate)) {
      this.count('message duplicated')
      keep({ ...message, id: randomUUID() })
    }
    return kept
  }

  private perhapsCorrupt(message: Message, rate: number): Message {
    if (!this.dice.happens('corrupt message', rate)) return message
    const body = damagedText(message.body, (what) => this.dice.next(what))
    this.count(body.length < message.body.length ? 'message truncated' : 'message altered')
    return { ...message, body, md5: md5Hex(body) }
  }

  /** @throws AwsError where the function dies before its message is taken */
  private meetDoom({ body }: Message): void {
    if (this.doomed.size === 0) return
    const id = leaseIn(body)?.id ?? ''
    const doom = this.doomed.get(id)
    // A lease that is shorter than that ends at its goodbye, or short leases would hardly ever crash.
    if (doom === undefined || (++doom.sends < doom.at && !body.startsWith(GOODBYE))) return
    this.doomed.delete(id)
    this.count(doom.kind)
    if (!doom.loses) {
      // Only once this message is in the queue.
      queueMicrotask(() => doom.abort.abort())
      return
    }
    doom.abort.abort()
    throw new AwsError(500, 'InternalError', 'The function was killed while it sent: a fault on demand.')
  }

  private again(message: Message): number | undefined {
    // The first delivery decides, or a message would come for ever.
    if (message.receiveCount > 1 || !this.dice.happens('redeliver', this.setting.messages.redeliver)) return undefined
    this.count('message delivered twice')
    return AGAIN_MS
  }

  private written(body: Uint8Array): Uint8Array | undefined {
    if (body.byteLength === 0 || !this.dice.happens('corrupt object', this.setting.objects.corrupt)) return undefined
    const damaged = damagedBytes(body, (what) => this.dice.next(what))
    this.count(damaged.byteLength < body.byteLength ? 'object truncated' : 'object altered')
    return damaged
  }

  private skew(): number {
    const { rate, ms } = this.setting.clockSkew
    if (!this.dice.happens('clockSkew', rate)) return 0
    this.count('clock skewed')
    return Math.round((2 * this.dice.next('clockSkewMs') - 1) * ms)
  }

  private sinceBegin(): number {
    return this.options.clock.monotonic() - this.began
  }

  private count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
  }
}

type CallFault = 'throttle' | 'error' | 'slow' | 'dropBefore' | 'dropAfter'

const WORDS: Readonly<Record<CallFault, string>> = {
  throttle: 'throttled',
  error: '5xx',
  slow: 'slow',
  dropBefore: 'dropped before',
  dropAfter: 'dropped after',
}

const ENDS = {
  before: 'crash before sends',
  during: 'crash during sends',
  after: 'crash after sends',
  timeout: 'time-out',
  outOfMemory: 'out of memory',
} as const

/** As each service says it. */
function refusal(service: string, kind: 'throttle' | 'error'): NonNullable<FaultAction['refuse']> {
  if (kind === 'error') return { status: 500, code: service === 'lambda' ? 'ServiceException' : 'InternalError' }
  if (service === 's3') return { status: 503, code: 'SlowDown' }
  if (service === 'lambda') return { status: 429, code: 'TooManyRequestsException' }
  return { status: 400, code: service === 'sqs' ? 'RequestThrottled' : 'ThrottlingException' }
}

const [RUN, LEASE] = [/"run":"([^"]{1,200})"/, /"lease":"([^"]{1,200})"/]

/** The lease that a payload or a message is of, and what no other run's is called. */
function leaseIn(json: string): { readonly lease: string; readonly id: string } | undefined {
  const lease = LEASE.exec(json)?.[1]
  return lease === undefined ? undefined : { lease, id: `${RUN.exec(json)?.[1]}/${lease}` }
}
