import type { RunStatus } from '../../learner/stage/records.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { ERROR_CODES, MillraceError, isMillraceError, type ErrorCode } from '../../shared/errors.ts'
import { chooseDisplay } from '../display/chooseDisplay.ts'
import { observers } from '../../library/run/observers.ts'
import { printCommand, quoted } from '../display/shell.ts'
import { fromHere, printSummary } from '../display/summary.ts'
import { EXIT, runExitCode } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import type { Interrupts } from '../interrupts.ts'
import { noUpdate } from '../../learner/run/noUpdate.ts'
import type { FileSystem } from '../../library/run/disk.ts'
import { type Brought, bringRun } from './bringRun.ts'
import { followRun } from './followRun.ts'
import { type Stage, typed } from './stage.ts'
import { print } from '../display/wrap.ts'

export interface Pursuit {
  readonly stage: Stage
  readonly clock: Clock
  readonly interrupts: Interrupts
  readonly out?: string | undefined
  readonly quiet: boolean
  readonly files?: FileSystem | undefined
}

/**
 * Follows a run until it is over, downloads its folder and prints its summary, as `train` does. Ctrl-C ends only the display.
 *
 * @returns the exit status, see exitCodes.ts
 * @throws MillraceError what the run failed with; and as followRun and bringRun do
 */
export async function followToEnd(run: string, host: Host, pursuit: Pursuit): Promise<number> {
  const { stage, clock, interrupts, quiet, out, files } = pursuit
  const display = chooseDisplay(host, { quiet, elsewhere: true })
  interrupts.onSecond(() => display.close())
  const { signal } = interrupts
  let status: RunStatus | undefined
  let brought: Brought | undefined
  try {
    const observer = observers([display])
    try {
      status = await followRun(run, { stage, clock, signal, observer })
    } finally {
      display.close()
    }
    const note = (level: 'info' | 'warn', text: string) => observer.onEvent({ level, text })
    if (status)
      brought = await bringRun(status, { stage, cwd: host.cwd, out, files, patience: { clock, signal, note } })
  } catch (error) {
    if (!quiet && (status || !isMillraceError(error, 'E_RUN'))) comeBack(run, host, stage, status)
    throw error
  }
  if (!status || signal.aborted) {
    if (!quiet) comeBack(run, host, stage, status)
    return interrupts.exitCode() ?? EXIT.interrupted
  }
  return conclude(status, brought, { host, quiet })
}

/** How to follow a run again, and how to end it; or, where it is over, how to bring what it left. */
export function comeBack(run: string, { out }: Host, { description }: Stage, over?: RunStatus): void {
  if (over) {
    printCommand(out, 'the run is over; what it left comes with  ', typed.follow(description, run))
    return
  }
  print(out, 'the run goes on without this command')
  printCommand(out, '  follow it  ', typed.follow(description, run))
  printCommand(out, '  stop it    ', typed.stop(description, run))
}

function conclude(
  { run, state, summary, progress, info, error }: RunStatus,
  brought: Brought | undefined,
  { host, quiet }: { readonly host: Host; readonly quiet: boolean },
): number {
  const say = (text: string) => void (quiet || print(host.out, text))
  const folder = brought && fromHere(brought.path, host.cwd)
  if (state === 'failed') {
    if (folder !== undefined)
      say(
        brought?.policy
          ? `its policy as of the last checkpoint is in ${folder}; npx millrace evaluate ${quoted(folder)}`
          : `what it left is in ${folder}; it has no policy`,
      )
    const known = error && Object.hasOwn(ERROR_CODES, error.code) ? (error.code as ErrorCode) : 'E_LEARNER'
    const message = error?.message ?? 'the run failed, and its learner gave no reason'
    throw new MillraceError(known, message, { ...error?.where, run }, { userStack: error?.stack })
  }
  const goal = info?.stop.meanReturn
  if (!summary || !brought?.policy) {
    say(`run ${run} was stopped ${progress ? 'with no learner to write its policy' : 'before it had a policy'}`)
    if (folder !== undefined) say(`what it left is in ${folder}`)
    return EXIT.stopped
  }
  const nothing = noUpdate(summary)
  if (nothing) {
    say(`what it left is in ${folder}`)
    throw nothing
  }
  if (!quiet) printSummary(summary, { goal, folder: brought.path }, host)
  return summary.reason === 'interrupted' ? EXIT.stopped : runExitCode(summary, goal)
}
