import type { RunSummary } from '../learner/run/observer.ts'

/** What the command's exit status is; `EXIT_MEANINGS` says what each one means. */
export const EXIT = {
  ok: 0,
  /** Something failed; one sentence on stderr says what. */
  error: 1,
  goalMissed: 2,
  stopped: 3,
  /** EX_USAGE of sysexits. */
  usage: 64,
  /** Ctrl-C; other signals by `signalExitCode`. */
  interrupted: 130,
} as const

/** The one table of them: `millrace --help` prints these words, and docs/cli.md has the same; a test holds them together. */
const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done: the goal was reached, or a run without a goal came to its limit',
  error: 'an error, or a run without a single update; one sentence on stderr says what, with its code',
  goalMissed:
    'a limit (env steps, seconds, budget) came before the goal stop.meanReturn: the run worked and its folder is complete, but it did not learn enough',
  stopped: 'the run that was followed is over: somebody stopped it',
  usage: 'the command line is wrong, or names a file or folder that cannot be used',
  interrupted:
    'ended by signal n: 130 is Ctrl-C, 143 SIGTERM, 129 SIGHUP; cloud and learner, which run until a signal comes, then end with 0',
}

/** Rows of the table, as they are printed: the status and its meaning. */
export const EXIT_TABLE: readonly (readonly [status: string, meaning: string])[] = (
  Object.keys(EXIT) as (keyof typeof EXIT)[]
).map((name) => [name === 'interrupted' ? '128 + n' : String(EXIT[name]), EXIT_MEANINGS[name]])

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
