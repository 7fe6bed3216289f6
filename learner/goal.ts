import type { CostMeter } from '../shared/cost/costMeter.ts'
import { EPISODE_WINDOW } from './episodeWindow.ts'
import type { Experiment } from './experiment.ts'
import type { StopReason, UpdateLine } from './observer.ts'

/** A run costs money also while no update comes: an env may hang, or what trains. */
const LOOK_EVERY_MS = 1_000
/** A timer that is given more fires at once. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1

/** What of a run its goal and its limits look at. */
export interface Standing {
  readonly meanReturn: number | null
  readonly episodes: number
  readonly envSteps: number
  readonly atMs: number
  readonly costUsd: number
}

/** The goal or limit that a run which stands here has reached, if any. */
export function overBy({ stop, budget }: Experiment, standing: Standing): StopReason | undefined {
  const { envSteps, atMs, costUsd } = standing
  if (hasGoal(stop, standing)) return 'meanReturn'
  if (stop.envSteps !== undefined && envSteps >= stop.envSteps) return 'envSteps'
  if (stop.seconds !== undefined && atMs >= stop.seconds * 1000) return 'seconds'
  return budget !== undefined && costUsd >= budget.usd ? 'budget' : undefined
}

function hasGoal(
  { meanReturn: goal }: Experiment['stop'],
  { meanReturn, episodes }: Pick<Standing, 'meanReturn' | 'episodes'>,
) {
  return goal !== undefined && episodes >= EPISODE_WINDOW && (meanReturn ?? -Infinity) >= goal
}

/** When a run is over: looked at after every update, and by the clock. */
export class Goal {
  private readonly experiment: Experiment
  private readonly meter: CostMeter
  private readonly abort = new AbortController()
  private readonly looking: NodeJS.Timeout | undefined
  private sleeping: NodeJS.Timeout | undefined
  private came: StopReason | undefined

  /** @param elapsedMs of earlier attempts */
  constructor(experiment: Experiment, { meter, elapsedMs }: { readonly meter: CostMeter; readonly elapsedMs: number }) {
    this.experiment = experiment
    this.meter = meter
    const { stop, budget } = experiment
    if (stop.seconds !== undefined) this.sleep(Math.max(0, stop.seconds * 1000 - elapsedMs))
    if (budget === undefined) return
    this.looking = setInterval(() => {
      if (this.isSpent()) this.end('budget')
    }, LOOK_EVERY_MS)
    this.looking.unref()
  }

  /** Aborts when the run is over. */
  get signal(): AbortSignal {
    return this.abort.signal
  }

  /** Why it is over, once it is. */
  get reason(): StopReason | undefined {
    return this.came
  }

  /** Whether it is over with this update, and why. */
  reached({ meanReturn, episodes, envSteps }: UpdateLine): StopReason | undefined {
    const { stop } = this.experiment
    if (hasGoal(stop, { meanReturn, episodes })) return this.end('meanReturn')
    if (stop.envSteps !== undefined && envSteps >= stop.envSteps) return this.end('envSteps')
    return this.isSpent() ? this.end('budget') : undefined
  }

  close(): void {
    clearTimeout(this.sleeping)
    clearInterval(this.looking)
  }

  private isSpent(): boolean {
    const { budget } = this.experiment
    return budget !== undefined && this.meter.total() >= budget.usd
  }

  private sleep(ms: number): void {
    const pieceMs = Math.min(ms, LONGEST_SLEEP_MS)
    this.sleeping = setTimeout(() => (ms > pieceMs ? this.sleep(ms - pieceMs) : this.end('seconds')), pieceMs)
  }

  /** An update that came while the run was already ending may say more: a goal that was reached after all. */
  private end(reason: StopReason): StopReason {
    this.close()
    this.came = reason
    this.abort.abort()
    return reason
  }
}
