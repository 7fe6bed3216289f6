import type { CostMeter } from '../../shared/cost/costMeter.ts'
import { EPISODE_WINDOW } from './episodeWindow.ts'
import type { Experiment } from '../experiment.ts'
import type { StopReason } from './observer.ts'

/** How often the clock and the budget are checked. A run also costs money while no update comes, for example when an env hangs. */
const LOOK_EVERY_MS = 1_000
/** Longest delay of a timer; with a longer one it would fire at once. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1

/** The values of a run that its goal and limits are compared with. */
export interface Standing {
  readonly meanReturn: number | null
  readonly episodes: number
  readonly envSteps: number
  readonly atMs: number
  readonly costUsd: number
}

/** The goal or limit that these values have reached, if any. */
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

/** Decides when a run is over. It is checked after every update and once a second. */
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

  /** Checks the goal and limits after an update. Returns why the run is over, if it is. */
  reached({
    meanReturn,
    episodes,
    envSteps,
  }: Pick<Standing, 'meanReturn' | 'episodes' | 'envSteps'>): StopReason | undefined {
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

  /** An update that arrives while the run is ending can still reach the goal; then the goal is the reason. */
  private end(reason: StopReason): StopReason {
    this.close()
    this.came = reason
    this.abort.abort()
    return reason
  }
}
