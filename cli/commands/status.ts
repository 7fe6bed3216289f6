import type { RunStatus } from '../../learner/stage/records.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'
import { printableWithColors } from '../../shared/printable.ts'
import { usage } from '../arguments.ts'
import { EXIT } from '../exitCodes.ts'
import { lineWidth } from '../display/wrap.ts'
import type { Host } from '../host.ts'
import { watchSignals } from '../interrupts.ts'
import type { FileSystem } from '../../library/run/disk.ts'
import { checkOut } from '../stage/bringRun.ts'
import { followToEnd } from '../stage/followToEnd.ts'
import { isLost, livingLearner } from '../stage/runRecords.ts'
import { type ListedRun, findRun, listRuns, readStatuses, requestedRuns } from '../stage/runs.ts'
import type { OpenStage, Stage } from '../stage/stage.ts'
import { type StageView, UNREADABLE, runLines, stageLines, stateWord } from '../stage/statusView.ts'

export interface StatusOptions {
  readonly stage: string
  /** Which run; all of the stage without it. */
  readonly run?: string
  /** Show it until it is over, and bring its folder, as `run` does. */
  readonly follow: boolean
  readonly json: boolean
  /** With `follow`: as for `run`. */
  readonly out?: string
}

export interface StatusParts {
  readonly openStage: OpenStage
  readonly clock: Clock
  readonly files?: FileSystem
}

/** As many as a screen holds; each costs a request. */
const SHOWN = 20

/**
 * `millrace status`: where a stage's runs stand; with `follow`, one run until it is over.
 *
 * @throws MillraceError E_RUN for a run that does not exist, E_USAGE for options that exclude each other, and as the store does
 */
export async function statusCommand(options: StatusOptions, host: Host, parts: StatusParts): Promise<number> {
  const { run, follow, json, out } = options
  if (follow && json) throw usage('--json shows where a run stands now; leave out --follow')
  if (out !== undefined && !follow) throw usage('--out goes with --follow, which brings the run folder')
  if (follow) return await followCommand(options, host, parts)
  const { clock } = parts
  const stage = await parts.openStage(options.stage, { cwd: host.cwd })
  const { description } = stage
  const look = { colors: host.out.colors, width: lineWidth(host.out) }
  const write = (lines: readonly string[]) =>
    host.out.write(printableWithColors(lines.map((line) => `${line}\n`).join('')))
  if (run !== undefined) {
    const { value } = await findRun(stage.store, run)
    const now = clock.now()
    const requested = new Set(await requestedRuns(stage.store))
    if (json) write([JSON.stringify({ ...value, ...inWords(value, { requested, now }) }, null, 2)])
    else write(runLines(value, { description, requested, now }, look))
    return EXIT.ok
  }
  const view = await lookAt(stage, clock)
  write(json ? [JSON.stringify(asData(view), null, 2)] : stageLines(view, look))
  return EXIT.ok
}

async function followCommand(options: StatusOptions, host: Host, parts: StatusParts): Promise<number> {
  const interrupts = watchSignals(host)
  try {
    const stage = await parts.openStage(options.stage, { cwd: host.cwd })
    const { run } =
      options.run === undefined ? await runUnderWay(stage) : (await findRun(stage.store, options.run)).value
    await checkOut(options.out, host.cwd)
    return await followToEnd(run, host, { stage, interrupts, quiet: false, out: options.out, ...parts })
  } finally {
    interrupts.close()
  }
}

/** The run that the learner is at, else the one it takes next. @throws MillraceError E_RUN */
async function runUnderWay({ store, description: { stage } }: Stage): Promise<ListedRun> {
  const runs = (await readStatuses(store, await requestedRuns(store))).filter(({ status }) => status)
  const found = runs.find(({ status }) => status?.state === 'running') ?? runs[0]
  if (!found)
    throw new MillraceError(
      'E_RUN',
      `no run is waiting or running on stage ${stage}; name one that is over to bring it`,
    )
  return found
}

async function lookAt({ store, group, description, deadLetters }: Stage, clock: Clock): Promise<StageView> {
  const [names, requests, learner, size, letters] = await Promise.all([
    listRuns(store),
    requestedRuns(store),
    livingLearner(store, clock.now()),
    group.size(),
    deadLetters(),
  ])
  const runs = await readStatuses(store, names.slice(0, SHOWN))
  const older = Math.max(0, names.length - SHOWN)
  const requested = new Set(requests)
  return { description, runs, older, requested, learner, group: size, deadLetters: letters, now: clock.now() }
}

function asData(view: StageView) {
  const { description, runs, learner, group, deadLetters } = view
  return {
    stage: description.stage,
    learner: { ...group, claim: learner ?? null },
    deadLetters: deadLetters ?? null,
    runs: runs.map(({ run, status }) =>
      status ? { ...status, events: undefined, ...inWords(status, view) } : { run, word: UNREADABLE, lost: false },
    ),
  }
}

const inWords = (status: RunStatus, view: Pick<StageView, 'requested' | 'now'>) => ({
  word: stateWord(status, view),
  lost: isLost(status, view.now),
})
