import type { CostMeter } from '../shared/cost/costMeter.ts'
import { EPISODE_WINDOW } from './episodeWindow.ts'
import type { Experiment } from './experiment.ts'
import type { StopReason, UpdateLine } from './observer.ts'

/** When a run is over. */
export class Goal {
  private readonly experiment: Experiment
  private readonly meter: CostMeter
  private readonly abort = new AbortController()
  private readonly timer: NodeJS.Timeout | undefined

  /** @param elapsedMs of earlier attempts */
  constructor(experiment: Experiment, { meter, elapsedMs }: { readonly meter: CostMeter; readonly elapsedMs: number }) {
    this.experiment = experiment
    this.meter = meter
    const { seconds } = experiment.stop
    if (seconds === undefined) return
    this.timer = setTimeout(() => this.abort.abort(), Math.max(0, seconds * 1000 - elapsedMs))
  }

  /** Aborts when the time is up. */
  get signal(): AbortSignal {
    return this.abort.signal
  }

  reached({ meanReturn, episodes, envSteps }: UpdateLine): StopReason | undefined {
    const { stop, budget } = this.experiment
    if (stop.meanReturn !== undefined && episodes >= EPISODE_WINDOW && (meanReturn ?? -Infinity) >= stop.meanReturn)
      return 'meanReturn'
    if (stop.envSteps !== undefined && envSteps >= stop.envSteps) return 'envSteps'
    return budget !== undefined && this.meter.total() >= budget.usd ? 'budget' : undefined
  }

  close(): void {
    clearTimeout(this.timer)
  }
}
