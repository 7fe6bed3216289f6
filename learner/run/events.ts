import { EventFold } from './eventFold.ts'
import type { RunEvent, RunObserver } from './observer.ts'

const TICK_MS = 1_000

/** Passes the events of a run to its observer: every event to `onEveryEvent`, and folded ones to `onEvent`. */
export class RunEvents {
  private readonly observer: RunObserver
  private readonly fold: EventFold
  private timer: NodeJS.Timeout | undefined

  constructor(observer: RunObserver) {
    this.observer = observer
    this.fold = new EventFold({ emit: (event) => observer.onEvent?.(event), now: () => performance.now() })
  }

  add(event: RunEvent): void {
    this.observer.onEveryEvent?.(event)
    this.fold.add(event)
  }

  start(): void {
    this.timer = setInterval(() => this.fold.tick(), TICK_MS)
    this.timer.unref()
  }

  /** Tells what was counted and not yet told. May be called again, for what came after. */
  close(): void {
    clearInterval(this.timer)
    this.fold.close()
  }
}
