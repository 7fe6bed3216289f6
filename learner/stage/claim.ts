import type { Clock, ObjectStore, ReadResult } from '../../shared/cloud/ports.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { encodeRecord, parsedOrUndefined } from './bucketRecords.ts'
import { LearnerClaim } from './records.ts'

/** After a renewal that failed, the next one is tried this soon. */
const RETRY_MS = 1_000

export interface ClaimOptions {
  readonly store: ObjectStore
  readonly clock: Clock
  /** New for every process. */
  readonly learner: string
  readonly host: string
  /** How long a claim is valid without renewal. */
  readonly heartbeatMs: number
}

/**
 * Takes the stage, unless a learner that is alive has it. A dead learner's claim is taken over once it has expired.
 *
 * @returns the claim, or that of the learner that has the stage
 * @throws MillraceError E_STORE
 */
export async function claimStage(options: ClaimOptions): Promise<StageClaim | LearnerClaim> {
  const { store, clock, learner, host, heartbeatMs } = options
  for (;;) {
    const found = await store.get(keys.claim)
    const holder = recordOf(found)
    if (holder && holder.learner !== learner && holder.heartbeatUntil >= clock.now()) return holder
    const now = clock.now()
    const askedAt = clock.monotonic()
    const record: LearnerClaim = { format: 1, learner, host, startedAt: now, heartbeatUntil: now + heartbeatMs }
    const etag = await putOver(store, found, record)
    if (etag !== undefined) return new StageClaim(options, record, { etag, askedAt })
  }
}

/** Of several writers one succeeds; the conditional write of the others fails. */
async function putOver(store: ObjectStore, found: ReadResult, record: LearnerClaim): Promise<string | undefined> {
  try {
    const condition = found.kind === 'found' ? { ifMatch: found.etag } : { ifAbsent: true }
    return await store.put(keys.claim, encodeRecord(record), condition)
  } catch (error) {
    if (isMillraceError(error, 'E_STORE_PRECONDITION')) return undefined
    throw error
  }
}

const recordOf = (found: ReadResult): LearnerClaim | undefined =>
  found.kind === 'found' ? parsedOrUndefined(LearnerClaim, found.body) : undefined

/**
 * A learner's claim on its stage. It ends when it is released, when another learner took it, and when it expired without renewal.
 * From that moment on another learner may take it, so that two never hold it at once.
 */
export class StageClaim {
  private readonly options: ClaimOptions
  private readonly gone = new AbortController()
  private record: LearnerClaim
  private etag: string
  private released = false
  /** When the claim expires, on the monotonic clock: a wall clock that is set back must not extend it. */
  private wordEnds: number

  /** @param askedAt when the claim was written, monotonic ms */
  constructor(options: ClaimOptions, record: LearnerClaim, { etag, askedAt }: { etag: string; askedAt: number }) {
    this.options = options
    this.record = record
    this.etag = etag
    this.wordEnds = askedAt + options.heartbeatMs
  }

  /** May this learner act for the stage at this moment? */
  get held(): boolean {
    return !this.released && !this.gone.signal.aborted && this.wordHolds
  }

  /** Checked by both clocks: on a machine that slept the monotonic clock stood still, and another learner may have taken the stage. */
  private get wordHolds(): boolean {
    const { clock } = this.options
    return clock.now() < this.record.heartbeatUntil && clock.monotonic() < this.wordEnds
  }

  /** Aborts when the claim is lost. */
  get lost(): AbortSignal {
    return this.gone.signal
  }

  /** When the claim expires, ms since the epoch. */
  get heartbeatUntil(): number {
    return this.record.heartbeatUntil
  }

  /** Which run the claim names from its next renewal on. */
  working(run: string | undefined): void {
    const { run: _, ...rest } = this.record
    this.record = run === undefined ? rest : { ...rest, run }
  }

  /** Renews the claim, three times as often as it must, until the signal aborts or it is lost. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, heartbeatMs } = this.options
    let pauseMs = heartbeatMs / 3
    while (!signal.aborted && !this.gone.signal.aborted) {
      await clock.sleep(Math.max(0, Math.min(pauseMs, this.wordEnds - clock.monotonic())), signal)
      if (signal.aborted) return
      const renewed = await this.withinWord(this.renew())
      pauseMs = renewed ? heartbeatMs / 3 : Math.min(RETRY_MS, heartbeatMs / 3)
      if (!renewed && !this.wordHolds) this.gone.abort()
    }
  }

  /** Releases the stage, so that the next learner need not wait. */
  async release(): Promise<void> {
    if (!this.held) return
    this.released = true
    const { run: _, ...rest } = this.record
    const record = { ...rest, heartbeatUntil: this.options.clock.now() }
    // If this fails, the claim expires by itself.
    await this.options.store.put(keys.claim, encodeRecord(record), { ifMatch: this.etag }).catch(() => undefined)
  }

  /** False when the store failed it; another learner's claim ends this one. */
  private async renew(): Promise<boolean> {
    const { store, clock, heartbeatMs } = this.options
    const record = { ...this.record, heartbeatUntil: clock.now() + heartbeatMs }
    const wordEnds = clock.monotonic() + heartbeatMs
    try {
      this.etag = await store.put(keys.claim, encodeRecord(record), { ifMatch: this.etag })
      this.record = { ...this.record, heartbeatUntil: record.heartbeatUntil }
      this.wordEnds = wordEnds
      return true
    } catch (error) {
      return isMillraceError(error, 'E_STORE_PRECONDITION') ? await this.stillOurs().catch(() => false) : false
    }
  }

  /** An earlier renewal may have been stored though its answer was lost; then the claim is ours as it lies there. */
  private async stillOurs(): Promise<boolean> {
    const found = await this.options.store.get(keys.claim)
    const record = recordOf(found)
    if (found.kind === 'found' && record?.learner === this.options.learner) {
      const { clock, heartbeatMs } = this.options
      this.etag = found.etag
      this.record = { ...this.record, heartbeatUntil: record.heartbeatUntil }
      this.wordEnds = clock.monotonic() + Math.min(heartbeatMs, record.heartbeatUntil - clock.now())
      return true
    }
    this.gone.abort()
    return false
  }

  /** A store that hangs must not hide that the claim has expired. */
  private async withinWord(renewing: Promise<boolean>): Promise<boolean> {
    const { clock } = this.options
    const answered = new AbortController()
    let renewed = false
    const settled = renewing.then((answer) => {
      renewed = answer
      answered.abort()
    })
    await Promise.race([settled, clock.sleep(Math.max(RETRY_MS, this.wordEnds - clock.monotonic()), answered.signal)])
    return renewed
  }
}

export const lostClaim = (): MillraceError =>
  new MillraceError(
    'E_LEARNER',
    'another learner has taken the stage over, or the bucket could not be reached for long',
  )
