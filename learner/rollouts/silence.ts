import type { Clock } from '../../shared/cloud/ports.ts'
import type { RolloutSettings } from '../experiment.ts'

const LOOK_EVERY_MS = 1_000
/** Functions start, read their policy and step a fragment in this time, also on AWS. */
const FIRST_MS = 8_000
/** Each word about one silence comes after ten times as long as the one before, and at least so often. */
const TIMES = 10
const LONGEST_MS = 600_000

export interface SilenceOptions {
  readonly clock: Clock
  readonly rollouts: Pick<RolloutSettings, 'envsPerShard' | 'fragmentLength' | 'leaseSeconds'>
  /** Are functions at work for all that the learner knows, is their policy out, and is nothing here that it could train on? */
  readonly waiting: () => boolean
  readonly onEvent: (text: string) => void
  readonly signal: AbortSignal
}

/** Says so when no fragment comes for some seconds: how large a fragment is, what a step takes at least, and what to change. */
export class Silence {
  private readonly options: SilenceOptions
  private since: number | undefined
  private nextMs = FIRST_MS

  constructor(options: SilenceOptions) {
    this.options = options
  }

  /** A fragment came, or what stands for one. */
  broken(): void {
    this.since = undefined
    this.nextMs = FIRST_MS
  }

  /** Looks until the signal aborts. */
  async watch(): Promise<void> {
    const { clock, signal } = this.options
    while (!signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, signal)
      if (!signal.aborted) this.look()
    }
  }

  private look(): void {
    const { clock, waiting, onEvent } = this.options
    const now = clock.now()
    if (!waiting()) return this.broken()
    this.since ??= now
    const ms = now - this.since
    if (ms < this.nextMs) return
    this.nextMs = Math.min(this.nextMs * TIMES, this.nextMs + LONGEST_MS)
    onEvent(this.sentence(ms))
  }

  private sentence(ms: number): string {
    const { envsPerShard: B, fragmentLength: T, leaseSeconds } = this.options.rollouts
    const stepMs = ms / (B * T)
    const step = stepMs >= 10 ? `${Math.round(stepMs)} ms` : `${stepMs.toPrecision(1)} ms`
    return (
      `no fragment in ${Math.round(ms / 1000)} s: a fragment is ${B} envs x ${T} steps = ${B * T} env steps, so a step takes over ${step}, ` +
      `or the env hangs; lower rollouts.fragmentLength or rollouts.envsPerShard (a lease, rollouts.leaseSeconds, lasts ${leaseSeconds} s)`
    )
  }
}
