import type { RunObserver } from '../../learner/run/observer.ts'
import type { FunctionOutput } from '../../learner/run/cloud.ts'
import { count } from './format.ts'

/** Lines shown at once, and lines a second after that. */
const BURST = 40
const PER_SECOND = 10
/** Between two words on what was left out. */
const TELL_MS = 5_000

export interface ThinnerOptions {
  readonly show: (output: FunctionOutput) => void
  readonly onEvent: NonNullable<RunObserver['onEvent']>
  /** Where all of it is, as the user would type it. */
  readonly where: string
  /** ms */
  readonly now: () => number
}

/** Shows what envs write, and of a flood a few lines a second; says how many it left out and where they are. */
export class OutputThinner {
  private readonly options: ThinnerOptions
  private room = BURST
  private roomAt: number
  private leftOut = 0
  /** When the count was told last, or began. */
  private toldAt = 0

  constructor(options: ThinnerOptions) {
    this.options = options
    this.roomAt = options.now()
  }

  add(output: FunctionOutput): void {
    const now = this.options.now()
    this.room = Math.min(BURST, this.room + (Math.max(0, now - this.roomAt) / 1000) * PER_SECOND)
    this.roomAt = now
    if (this.room >= 1) {
      this.room--
      return this.options.show(output)
    }
    if (this.leftOut++ === 0) this.toldAt = now
    if (now - this.toldAt >= TELL_MS) this.tell()
  }

  /** Says what was left out and not yet told. */
  close(): void {
    this.tell()
  }

  private tell(): void {
    if (this.leftOut === 0) return
    const lines = this.leftOut === 1 ? '1 line' : `${count(this.leftOut)} lines`
    this.options.onEvent({
      level: 'info',
      text: `${lines} of env output not shown; all of it is in ${this.options.where}`,
    })
    this.leftOut = 0
  }
}
