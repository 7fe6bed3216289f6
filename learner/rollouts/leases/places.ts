import { setMaxListeners } from 'node:events'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { RecurringWarning } from '../recurringWarning.ts'

/** Between two tries while Lambda refuses. It doubles, and up to half of it is left out by chance. */
const PAUSE_MS = { first: 50, last: 5_000 }
/** Invocations on their way at once. */
const MOST_TRIES = 64
/** A function says goodbye this long, at most, before its environment is free. */
const LEAVES_MS = 20
/** How long a number of places that was found out counts before some more are tried; doubles with every try in vain. */
const GROW_MS = { first: 90_000, last: 600_000 }

/** Work that waits for a function. */
interface Wish {
  /** Where the first of its leases begins. */
  readonly firstSequence: number
  /** From `ticket`, or 0 for what cannot wait: the lowest is served first. */
  readonly ticket: number
}

/** Leave to invoke one function. One of its methods is to be called once the answer is there. */
export interface Turn {
  /** Lambda took it. */
  taken(): void
  /** Lambda refused it: it was at a limit. */
  refused(reason: string): void
  /** There was no answer, or another one. */
  failed(): void
}

export interface PlacesOptions {
  readonly clock: Clock
  /** Functions that the cloud has at once, where that is known. */
  readonly concurrency?: number | undefined
  /** The name of the cloud, for the sentence about it. */
  readonly where?: string
  /** How many the run wants at once. */
  readonly functions: number
  /** Could a lease that begins there step a fragment now? Those that could go first. */
  readonly hasWork?: (firstSequence: number) => boolean
  /** What `handOver` says is not what functions were told last. */
  readonly onWanted?: (() => void) | undefined
  readonly onEvent: (text: string) => void
  readonly signal: AbortSignal
  /** For the jitter: 0 to 1. */
  readonly random?: () => number
}

/**
 * The places that Lambda has for a run's functions. The streams of one function take a place together. They do so in the order in which
 * they asked, so that all get their turn where there are fewer places than functions; the leases that are held go on untouched.
 *
 * Lambda's word is heard in both its forms. An invocation that is refused (429: the account's concurrency, 1,000 new environments in ten
 * seconds) makes all others wait; one at a time is tried then, after pauses that double up to five seconds, and at once when a function
 * ended; every round that is taken lets one more be on its way. So however many wait, Lambda refuses one a pause, what was on its way
 * when the limit was met (64 at most), and two for each that it takes after.
 * An invocation that was taken and found no environment within a minute tells how many there are; after a while some more are tried.
 */
export class Places {
  private readonly options: PlacesOptions
  private readonly waiting: (Wish & { readonly give: (turn: Turn | undefined) => void })[] = []
  private readonly warning = new RecurringWarning()
  private tickets = 1
  private occupied = 0
  private trying = 0
  private width = MOST_TRIES
  private pauseMs = PAUSE_MS.first
  private pause: AbortController | undefined
  /** Counts refusals: what was on its way before one says nothing of what is possible after it. */
  private era = 0
  private limit: number
  private growMs = GROW_MS.first
  private growAt = Number.POSITIVE_INFINITY
  private told = false
  private said = false

  constructor(options: PlacesOptions) {
    const { concurrency = Number.POSITIVE_INFINITY, signal } = options
    this.options = options
    this.limit = concurrency
    setMaxListeners(0, signal) // any number of places may be left at once
    signal.addEventListener('abort', () => {
      this.pause?.abort()
      for (const { give } of this.waiting.splice(0)) give(undefined)
    })
  }

  /** Says before the start that streams will take turns, where that is known. */
  open(): void {
    const { concurrency, where = 'what the cloud has', functions } = this.options
    if (concurrency !== undefined && concurrency < functions)
      this.tell(`${concurrency} run at once (${where})`, `of ${concurrency}`)
  }

  /** A place in the queue, to be kept until there was a function. */
  ticket(): number {
    return this.tickets++
  }

  /** Do streams wait for a place that have something to do in it? As functions are told then. */
  handOver(): boolean {
    this.said = this.areWanted()
    return this.said
  }

  private areWanted(): boolean {
    const { hasWork = () => true } = this.options
    if (this.occupied < this.limit) return false
    return this.waiting.some(({ firstSequence }) => hasWork(firstSequence))
  }

  /** Waits for a turn; undefined when the run ended first. */
  enter(wish: Wish): Promise<Turn | undefined> {
    if (this.options.signal.aborted) return Promise.resolve(undefined)
    return new Promise((give) => {
      const after = this.waiting.findIndex(({ ticket }) => ticket > wish.ticket)
      this.waiting.splice(after < 0 ? this.waiting.length : after, 0, { ...wish, give })
      this.pump()
    })
  }

  /** A function is done, however it ended. */
  leave(): void {
    if (this.waiting.length === 0) {
      this.occupied--
      return
    }
    const { clock, signal } = this.options
    void clock.sleep(LEAVES_MS, signal).then(() => {
      this.occupied--
      this.pause?.abort()
      this.pump()
    })
  }

  /** It was one that Lambda took and never had a place for. */
  leaveUnstarted(): void {
    this.occupied--
    const found = Math.max(1, this.occupied)
    if (found < Math.min(this.limit, this.options.functions)) {
      this.limit = found
      this.growAt = this.options.clock.monotonic() + this.growMs
      this.growMs = Math.min(this.growMs * 2, GROW_MS.last)
      this.tell('Lambda has no room for so many at once', 'with fewer')
    }
    this.pump()
  }

  private pump(): void {
    this.grow()
    while (this.waiting.length > 0 && !this.pause && this.trying + 1 <= this.width && this.occupied < this.limit) {
      const { hasWork } = this.options
      const ready = hasWork ? this.waiting.findIndex((wish) => hasWork(wish.firstSequence)) : 0
      const [next] = this.waiting.splice(Math.max(0, ready), 1)
      this.occupied++
      this.trying++
      next?.give(this.turn())
    }
    if (this.areWanted() !== this.said) this.options.onWanted?.()
  }

  private turn(): Turn {
    const { era } = this
    const answered = (isPlaced: boolean): void => {
      this.trying--
      if (!isPlaced) this.occupied--
      this.pump()
    }
    return {
      taken: () => {
        if (era === this.era) {
          this.width = Math.min(this.width + 1 / this.width, MOST_TRIES)
          this.pauseMs = PAUSE_MS.first
        }
        answered(true)
      },
      refused: (reason) => {
        this.refused(reason)
        answered(false)
      },
      failed: () => answered(false),
    }
  }

  private refused(reason: string): void {
    const { clock, functions, onEvent, random = Math.random } = this.options
    if (this.warning.isDue(clock.monotonic())) {
      const working = this.occupied - this.trying
      onEvent(
        `Lambda refuses to start more functions now (${reason}): ${working} of ${functions} are at work, the others wait for their turn`,
      )
    }
    if (this.pause) return
    this.era++
    this.width = 1
    const pause = new AbortController()
    this.pause = pause
    const ms = this.pauseMs * (1 + random()) * 0.5
    this.pauseMs = Math.min(this.pauseMs * 2, PAUSE_MS.last)
    void clock.sleep(ms, pause.signal).then(() => {
      this.pause = undefined
      this.pump()
    })
  }

  /** There may be more room than there was. */
  private grow(): void {
    const { clock, concurrency = Number.POSITIVE_INFINITY, functions } = this.options
    if (this.waiting.length === 0 || this.occupied < this.limit || this.limit >= concurrency) return
    const now = clock.monotonic()
    if (now < this.growAt) return
    this.limit = Math.min(Math.ceil(this.limit * 1.25), concurrency, functions + 1)
    this.growAt = now + this.growMs
  }

  private tell(room: string, enough: string): void {
    const { functions, onEvent } = this.options
    if (this.told) return
    this.told = true
    onEvent(
      `the run wants ${functions} functions, and ${room}: they take turns; rollouts.functions ${enough} would be as fast`,
    )
  }
}
