import type { Clock, ObjectStore } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import type { RunObserver, UpdateLine } from '../run/observer.ts'
import { encodeRecord } from './bucketRecords.ts'
import { Fence } from './fence.ts'
import type { StageClaim } from './claim.ts'
import type { MetricsPieces } from './metricsPieces.ts'
import type { RunStatus } from './records.ts'

const WRITE_EVERY_MS = 1_000
const FLUSH_EVERY_MS = 5_000
/** Number of events kept in the status: enough for a follower to see each one. */
const EVENTS = 100
const ATTEMPTS = 6

export interface RunRecordParts {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly claim: Pick<StageClaim, 'held'>
  /** How long a status is valid without renewal. */
  readonly heartbeatMs: number
  readonly log: (text: string) => void
}

/** Writes a run's status (about once a second) and metrics to the bucket. It is an observer of the run. */
export class RunRecord implements RunObserver {
  private readonly parts: RunRecordParts
  private status: RunStatus
  private metrics: MetricsPieces | undefined
  private writing: Promise<void> = Promise.resolve()
  /** For all that belongs to the run, whichever learner works on it. */
  readonly fence: Fence

  constructor(parts: RunRecordParts, status: RunStatus) {
    this.parts = parts
    this.fence = new Fence(parts)
    this.status = status
  }

  get current(): RunStatus {
    return this.status
  }

  set(changes: Partial<RunStatus>): void {
    this.status = { ...this.status, ...changes }
  }

  logInto(metrics: MetricsPieces): void {
    this.metrics = metrics
  }

  onStart(info: NonNullable<RunStatus['info']>): void {
    // The attempt has a name of its own; to its user the run has one.
    this.set({ info: { ...info, run: this.status.run } })
  }

  onUpdate(line: UpdateLine): void {
    this.metrics?.add(line)
  }

  onProgress(progress: NonNullable<RunStatus['progress']>): void {
    this.set({ progress })
  }

  onEvent({ level, text }: { readonly level: 'info' | 'warn'; readonly text: string }): void {
    const { events, run } = this.status
    const n = (events.at(-1)?.n ?? -1) + 1
    this.set({ events: [...events.slice(1 - EVENTS), { n, at: this.parts.clock.now(), level, text }] })
    this.parts.log(`${run}: ${text}`)
  }

  /** Keeps the bucket up to date until the signal aborts. The next write makes up for a failed one. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts
    let flushedAt = clock.monotonic()
    let failing = false
    while (!signal.aborted) {
      try {
        const due = clock.monotonic() - flushedAt >= FLUSH_EVERY_MS || this.metrics?.full
        if (due) flushedAt = clock.monotonic()
        await (due ? this.save() : this.inTurn(() => this.write()))
        failing = false
      } catch (error) {
        if (!failing) log(`${this.status.run}: its status could not be written: ${sentence(error)}`)
        failing = true
      }
      await clock.sleep(WRITE_EVERY_MS, signal)
    }
  }

  /** Writes what has to be there, trying again where the store fails. @throws MillraceError E_STORE, E_LEARNER */
  async settle(changes: Partial<RunStatus>): Promise<void> {
    this.set(changes)
    if (changes.state !== undefined && changes.state !== 'running') this.metrics?.end()
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.save()
      } catch (error) {
        if (attempt === ATTEMPTS || !this.parts.claim.held) throw error
        await this.parts.clock.sleep(250 * 2 ** attempt)
      }
    }
  }

  /** All that is known by now is in the bucket, once: the metrics log, then the status that counts its pieces. @throws as `settle` */
  async save(): Promise<void> {
    await this.inTurn(async () => {
      await this.metrics?.flush()
      await this.write()
    })
  }

  /** One at a time: a piece of the log is stored once, and an older status must not come to lie over a newer one. */
  private async inTurn(work: () => Promise<void>): Promise<void> {
    this.writing = this.writing.catch(() => undefined).then(work)
    await this.writing
  }

  private async write(): Promise<void> {
    const { clock, heartbeatMs } = this.parts
    const { heartbeatUntil: _, ...status } = this.status
    const now = clock.now()
    const word = status.state === 'running' ? { heartbeatUntil: now + heartbeatMs } : {}
    const metricsPieces = this.metrics?.stored ?? status.metricsPieces
    await this.fence.put(keys.status(status.run), encodeRecord({ ...status, ...word, at: now, metricsPieces }))
  }
}

export const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error))
