import type { RunSummary } from '../learner/observer.ts'

/** What the command's exit status means; docs/cli.md lists the same numbers. */
export const EXIT = {
  /** Done: the goal was reached, or the run had no goal and came to its limit. */
  ok: 0,
  /** Something failed; one sentence on stderr says what. */
  error: 1,
  /** The run came to a limit (env steps, seconds, budget) before its goal: it worked, but did not learn enough. */
  goalMissed: 2,
  /** Somebody stopped the run that was followed: it is over. */
  stopped: 3,
  /** The command line is wrong (EX_USAGE of sysexits). */
  usage: 64,
  /** Ctrl-C. */
  interrupted: 130,
} as const

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE'

const SIGNAL_NUMBERS: Readonly<Record<Signal, number>> = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 }

/** 128 + the signal's number, as a shell gives it: 130 for Ctrl-C. */
export function signalExitCode(signal: Signal): number {
  return 128 + SIGNAL_NUMBERS[signal]
}

/** The exit status of a run that ended by itself. A goal that was set and not reached is not a success: scripts can tell. */
export function runExitCode(summary: RunSummary, goal: number | undefined): number {
  if (summary.reason === 'interrupted') return EXIT.interrupted
  return goal === undefined || summary.reason === 'meanReturn' ? EXIT.ok : EXIT.goalMissed
}
