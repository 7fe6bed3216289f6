import { ENGINES, type EngineName } from '../../learner/training/makeLearner.ts'
import { nearestName } from '../../shared/errors.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { usage } from '../arguments.ts'
import { EXIT, signalExitCode } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { print } from '../display/wrap.ts'
import { oneLine } from '../../shared/oneLine.ts'

export interface LearnerOptions {
  /** Stage of the project here, or */
  readonly stage?: string
  /** the parameter of the account that describes a stage: what a container is given. */
  readonly parameter?: string
  /** End when no run waits, at once. */
  readonly once: boolean
}

/** What the learner is told beside its stage. */
export interface ServeOptions {
  readonly once: boolean
  readonly engine: EngineName | undefined
  /** Asks for a clean end. */
  readonly signal: AbortSignal
  log(this: void, text: string): void
}

/** What the command needs beside the host. */
export interface LearnerParts {
  loadSettings(cwd: string): Promise<{ readonly app: string; readonly region: string }>
  findStage(app: string, stage: string, options: { readonly region: string }): Promise<StageDescription>
  stageByParameter(name: string): Promise<StageDescription>
  serve(stage: StageDescription, options: ServeOptions): Promise<void>
}

/**
 * `millrace learner`: serves the runs of a stage until none waits any more. One line on stdout for each thing that happens. The
 * first signal ends it cleanly, with a checkpoint that the next learner goes on from; the second at once.
 *
 * @returns the exit status; a clean end is 0
 * @throws MillraceError E_USAGE, E_SETTINGS, E_STAGE, E_LEARNER, and what the cloud failed with
 */
export async function learnerCommand(options: LearnerOptions, host: Host, parts: LearnerParts): Promise<number> {
  const engine = engineOf(host.env['MILLRACE_ENGINE'])
  const controller = new AbortController()
  const stop = host.onSignal((signal) => {
    if (controller.signal.aborted) host.exit(signalExitCode(signal))
    controller.abort()
  })
  try {
    const stage = await findStage(options, host, parts)
    const log = (text: string): void => print(host.out, oneLine(text))
    await parts.serve(stage, { once: options.once, engine, signal: controller.signal, log })
    return EXIT.ok
  } finally {
    stop()
  }
}

async function findStage({ stage, parameter }: LearnerOptions, host: Host, parts: LearnerParts) {
  if (stage !== undefined && parameter === undefined) {
    const { app, region } = await parts.loadSettings(host.cwd)
    return await parts.findStage(app, stage, { region })
  }
  if (parameter !== undefined && stage === undefined) return await parts.stageByParameter(parameter)
  throw usage('learner wants --stage or --parameter, and not both')
}

/** What the machine's image says that train graphs are to be run by. */
function engineOf(name: string | undefined): EngineName | undefined {
  if (name === undefined || name === '') return undefined
  const found = ENGINES.find((engine) => engine === name)
  if (found) return found
  const near = nearestName(name, ENGINES)
  throw usage(`MILLRACE_ENGINE is '${name}', expected ${ENGINES.join(', ')}${near ? `; did you mean '${near}'?` : ''}`)
}
