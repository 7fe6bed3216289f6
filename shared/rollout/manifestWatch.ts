import type { Clock, ObjectStore } from '../cloud/ports.ts'
import { errorMayPass } from '../cloud/mayPass.ts'
import { MillraceError, isMillraceError } from '../errors.ts'
import { type Manifest, parseManifest } from '../protocol/manifest.ts'
import { keys } from '../protocol/keys.ts'
import { LearnerWord } from './learnerWord.ts'

/** A function looks at the manifest at least this often, however long its poll interval is said to be. */
const MAX_POLL_MS = 2_000
/**
 * While nothing is left to do but wait, the pause between two looks starts at the poll interval, within these bounds, and grows: a
 * change that comes soon is seen soon, and one that does not costs few requests. On AWS a function's 17 ms cost as much as a look.
 */
const WAIT_POLL_MS = { least: 1, first: 20, growth: 1.1, last: 250 }

/** Why a wait for an answer ends, made once: without it every abort makes an exception with its stack. */
const ANSWERED = new Error('answered')

/** Before the first manifest is there. */
const FIRST_POLL_MS = 5

/**
 * The run's manifest as a function sees it: polled with If-None-Match beside stepping, never in its way. At most one request
 * is in flight; `glance` starts it and returns at once, its answer shows in `latest` when it has come. Several leases may look at one:
 * what one of them learns, all of them know.
 */
export class ManifestWatch {
  private readonly store: ObjectStore
  private readonly clock: Clock
  private readonly run: string
  private readonly pollMs: number
  private etag: string | undefined
  private lastPoll = Number.NEGATIVE_INFINITY
  private inFlight: Promise<void> | undefined
  /** What the last poll failed with, where that ends a lease. */
  private failure: unknown
  /** The same where it may pass. */
  private trouble: unknown
  private readonly closing = new AbortController()
  private current: Manifest | undefined
  /** Is the learner alive? */
  readonly word: LearnerWord
  /** Those that pause between two looks, and the signals that end their waiting. */
  private readonly pausing = new Set<AbortController>()
  private readonly signals = new Set<AbortSignal>()
  /** Conditional reads made and not yet on a bill. */
  private requests = 0

  constructor(
    store: ObjectStore,
    clock: Clock,
    { run, pollMs, clockAhead }: { readonly run: string; readonly pollMs: number; readonly clockAhead?: number },
  ) {
    this.store = store
    this.clock = clock
    this.word = new LearnerWord(clock, clockAhead)
    this.run = run
    this.pollMs = Math.min(pollMs, MAX_POLL_MS)
  }

  /**
   * The newest manifest that was read. A poll that fails, and may not fail the next time, changes nothing: how long the lease goes on
   * without one is for the heartbeat to say.
   *
   * @throws MillraceError E_MANIFEST before the first, and when it is gone; E_STORE when the last poll was refused for good
   */
  get latest(): Manifest {
    if (this.failure !== undefined) throw this.failure
    if (this.current === undefined)
      throw new MillraceError('E_MANIFEST', `run ${this.run} has no manifest yet`, { run: this.run })
    return this.current
  }

  /** Was a manifest read? */
  get known(): boolean {
    return this.current !== undefined
  }

  /** Starts a poll if one is due and none is in flight. Never waits. */
  glance(): void {
    if (this.inFlight === undefined && this.clock.monotonic() - this.lastPoll >= this.pollMs) void this.poll()
  }

  /** Reads the manifest once, or learns nothing by `untilMs` (monotonic). */
  async look(untilMs: number): Promise<void> {
    await this.pollUntil(untilMs)
  }

  /** Waits for the first manifest until `untilMs` (monotonic); true if there is one. @throws what the read failed with, at the end where that might have passed; not that it is absent */
  async appears(untilMs: number, signal: AbortSignal): Promise<boolean> {
    let pauseMs = FIRST_POLL_MS
    for (;;) {
      await this.pollUntil(untilMs)
      if (this.current) return true
      if (this.failure !== undefined && !isMillraceError(this.failure, 'E_MANIFEST')) throw this.failure
      if (signal.aborted) return false
      if (this.clock.monotonic() >= untilMs) {
        if (this.trouble !== undefined) throw this.trouble
        return false
      }
      await this.pause(pauseMs, signal)
      pauseMs = Math.min(pauseMs * WAIT_POLL_MS.growth, WAIT_POLL_MS.last)
    }
  }

  /** Waits until the manifest fulfils `holds` or `untilMs` (monotonic) has come; true if it does. Looks often at first, then more rarely. */
  async waitFor(holds: (manifest: Manifest) => boolean, untilMs: number, signal: AbortSignal): Promise<boolean> {
    let pauseMs = Math.max(WAIT_POLL_MS.least, Math.min(this.pollMs, WAIT_POLL_MS.first))
    let dueMs = 0
    for (;;) {
      // Another lease may have looked meanwhile.
      if (this.inFlight !== undefined || this.clock.monotonic() - this.lastPoll >= dueMs)
        await this.pollUntil(Math.min(untilMs, this.word.holdsUntil + 1))
      if (holds(this.latest)) return true
      if (signal.aborted || this.clock.monotonic() >= untilMs) return false
      await this.pause(Math.min(pauseMs, Math.max(0, untilMs - this.clock.monotonic())), signal)
      dueMs = pauseMs
      pauseMs = Math.min(pauseMs * WAIT_POLL_MS.growth, WAIT_POLL_MS.last)
    }
  }

  /** The conditional reads since this was asked last, for a lease's bill: each is on one. */
  takeRequests(): number {
    const { requests } = this
    this.requests = 0
    return requests
  }

  /** Ends a poll that is still in flight, however long its answer would take, so that nothing outlives a lease. */
  async close(): Promise<void> {
    this.closing.abort()
    for (const signal of this.signals) signal.removeEventListener('abort', this.wake)
    await this.inFlight
  }

  /** Polls, but waits for the answer no longer than `untilMs` (monotonic): a store that hangs must not hold a lease past its end. */
  private async pollUntil(untilMs: number): Promise<void> {
    const answered = new AbortController()
    const poll = this.poll().finally(() => answered.abort(ANSWERED))
    await Promise.race([poll, this.clock.sleep(Math.max(0, untilMs - this.clock.monotonic()), answered.signal)])
  }

  /** Ends early where the manifest changed. However many leases pause, a signal has one listener. */
  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    signal.addEventListener('abort', this.wake)
    this.signals.add(signal)
    const woken = new AbortController()
    this.pausing.add(woken)
    await this.clock.sleep(ms, woken.signal)
    this.pausing.delete(woken)
  }

  private readonly wake = (): void => {
    for (const pausing of this.pausing) pausing.abort()
  }

  private poll(): Promise<void> {
    this.inFlight ??= this.read().finally(() => {
      this.inFlight = undefined
    })
    return this.inFlight
  }

  private async read(): Promise<void> {
    this.lastPoll = this.clock.monotonic()
    this.requests++
    try {
      const condition = this.etag === undefined ? {} : { ifNoneMatch: this.etag }
      const found = await this.store.get(keys.manifest(this.run), { ...condition, signal: this.closing.signal })
      if (found.kind === 'found') {
        this.current = parseManifest(found.body)
        this.word.heard(this.current)
        this.etag = found.etag
        this.wake()
      }
      this.trouble = undefined
      this.failure =
        found.kind === 'absent'
          ? new MillraceError('E_MANIFEST', `run ${this.run} has no manifest`, { run: this.run })
          : undefined
    } catch (error) {
      // One that is damaged is written again with the next heartbeat.
      const passes = errorMayPass(error) || (this.current !== undefined && isMillraceError(error, 'E_MANIFEST'))
      if (passes) this.trouble = error
      else this.failure = error
    }
  }
}
