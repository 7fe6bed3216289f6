import type { Clocks } from './clocks.ts'
import type { AttemptFates } from './fragmentFates.ts'
import type { FunctionOutput } from './cloud.ts'

/** min, mean and max of something over a window. */
export interface Spread {
  readonly min: number
  readonly mean: number
  readonly max: number
}

/** One line of the metrics log: written after every update. Times in ms since the start of the run. */
export interface UpdateLine extends Clocks {
  readonly atMs: number
  readonly policyVersion: number
  /** Policy lag, in versions, of the fragments that went into this update. */
  readonly lag: Spread
  /** Mean return of the last 100 episodes finished, null before the first. */
  readonly meanReturn: number | null
  readonly episodes: number
  /** Loss terms and the like, by name. */
  readonly metrics: Readonly<Record<string, number>>
}

/** Fragments that did not go into training, by reason, and the env steps lost with them. */
export interface Dropped {
  readonly stale: number
  readonly duplicate: number
  readonly corrupt: number
  readonly foreign: number
  readonly envSteps: number
}

/** Progress of a run, passed to the display about ten times a second. */
export interface Progress extends UpdateLine {
  /** Over about the last two seconds. */
  readonly stepsPerSecond: number
  readonly updatesPerSecond: number
  /** Share of time the train worker waited for data, 0 … 1. */
  readonly learnerIdleShare: number
  readonly functionsInFlight: number
  readonly queuedFragments: number
  /** Cost of this run on AWS so far, at the list prices of the price book. */
  readonly costUsd: number
  readonly dropped: Dropped
  /** Episodes that ended with a lease, because their env has no `save` and `load`; the mean return does not count them. Absent when there are none. */
  readonly episodesCut?: number | undefined
}

export type StopReason = 'meanReturn' | 'envSteps' | 'seconds' | 'budget' | 'interrupted' | 'ended'

export interface RunSummary {
  readonly run: string
  readonly reason: StopReason
  readonly progress: Progress
  /** (env steps, mean return of the last 100 episodes), thinned to at most a few hundred points. */
  readonly curve: readonly (readonly [number, number])[]
  readonly costByPart: Readonly<Record<string, number>>
  /** There where the run was to repeat bit for bit, and will not. */
  readonly deterministic?: false | undefined
  /** Why. */
  readonly notDeterministicBecause?: string | undefined
}

/** A warning or notice: a lost lease, a rejected batch. */
export interface RunEvent {
  readonly level: 'info' | 'warn'
  readonly text: string
}

/** Receives what happens in a run: for the display, the run folder, or a test. Observers only observe; they cannot slow a run down. */
export interface RunObserver {
  onStart?(info: RunInfo): void
  onUpdate?(line: UpdateLine): void
  onProgress?(progress: Progress): void
  /** Called for a warning or notice. Events that differ in numbers only are folded: the first, then a count. */
  onEvent?(event: RunEvent): void
  /** Called for every event, before folding: for a log. */
  onEveryEvent?(event: RunEvent): void
  /** Called for each line that an env wrote to stdout or stderr. */
  onOutput?(output: FunctionOutput): void
  onEnd?(summary: RunSummary): void
  /** Called once, at the start, with what tells what became of every fragment and every lease so far: at any moment, also after the end. */
  onFates?(fates: () => AttemptFates): void
}

export interface RunInfo {
  readonly run: string
  readonly env: string
  readonly algorithm: string
  readonly seed: number
  /** Where the functions run: "emulated cloud", "serial", or the endpoints. */
  readonly where: string
  readonly stop: {
    readonly meanReturn?: number | undefined
    readonly envSteps?: number | undefined
    readonly seconds?: number | undefined
  }
}
