import type { LearnerClaim, RunStatus } from '../../learner/stage/records.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { count, duration, measure, rate, usd } from '../display/format.ts'
import { oneLine } from '../../shared/oneLine.ts'
import type { Colors } from '../terminal.ts'
import { isLost, isOver } from './runRecords.ts'
import type { ListedRun } from './runs.ts'
import { typed } from './stage.ts'
import { table } from './table.ts'
import { commandRow } from '../display/shell.ts'
import { wrap } from '../display/wrap.ts'

/** The state of a stage at one moment. */
export interface StageView {
  readonly description: StageDescription
  /** The newest, newest first. */
  readonly runs: readonly ListedRun[]
  /** Older ones that are not among them. */
  readonly older: number
  /** Runs with a request: the others are over, or nobody will go on with them. */
  readonly requested: ReadonlySet<string>
  readonly learner: LearnerClaim | undefined
  readonly group: { readonly desired: number; readonly running: number }
  readonly deadLetters: number | undefined
  readonly now: number
}

export type StateWord = 'waiting' | 'running' | 'lost' | 'ended at goal' | 'stopped' | 'ended' | 'failed'

/** Shown as the state of a run whose status this version cannot read. */
export const UNREADABLE = 'unreadable'

/** A run's state in a word or two. `lost`: its learner stopped responding, and the next one resumes it. */
export function stateWord(status: RunStatus, { requested, now }: Pick<StageView, 'requested' | 'now'>): StateWord {
  const { run, state, summary } = status
  const alive = state === 'running' && !isLost(status, now)
  if (!isOver(status) && !alive && !requested.has(run)) return 'stopped'
  if (state === 'running') return alive ? 'running' : 'lost'
  if (state !== 'ended') return state
  if (summary?.reason === 'meanReturn') return 'ended at goal'
  return !summary || summary.reason === 'interrupted' ? 'stopped' : 'ended'
}

/** How it is printed. */
export interface Look {
  readonly colors: Colors
  /** Columns; Infinity into a pipe. */
  readonly width: number
}

/** Where the values of the facts of a run begin. */
const INDENT = 15

/** A stage's runs as a table, with its learner below. */
export function stageLines(view: StageView, { colors, width }: Look): string[] {
  const { runs, older, now, deadLetters, description } = view
  const rows = runs.map(({ run, status }) => {
    if (!status) return [run, UNREADABLE, '-', '-', '-', '-']
    const progress = progressOf(status)
    return [
      run,
      stateWord(status, view),
      progress ? count(progress.envSteps) : '-',
      measure(progress?.meanReturn),
      progress ? usd(progress.costUsd) : '-',
      duration(Math.max(0, now - status.requestedAt)),
    ]
  })
  const heads = ['run', 'state', 'env steps', 'mean return', 'cost', 'age']
  const { head, body } = table(heads, rows, { right: [2, 3, 4, 5], width })
  return [
    ...(rows.length > 0 ? [...head.map(colors.dim), ...body] : [`no runs on stage ${description.stage} yet`]),
    ...(older > 0 ? [colors.dim(`and ${count(older)} older`)] : []),
    ...(runs.some(({ status }) => !status) ? [colors.dim(`${UNREADABLE}: written by another version`)] : []),
    '',
    ...wrap(learnerLine(view), width, 2),
    ...(deadLetters ? [colors.yellow(`${count(deadLetters)} messages in the dead-letter queue`)] : []),
  ]
}

export function learnerLine({ learner, group, description, runs, requested, now }: StageView): string {
  const waiting = runs.some(({ run, status }) => status?.state === 'waiting' && requested.has(run))
  if (learner) {
    const run = workOf(learner, runs)
    const at = run === undefined ? 'idle' : `working on ${run}`
    return `learner: up on ${learner.host} for ${duration(Math.max(0, now - learner.startedAt))}, ${at}`
  }
  if (description.learner.kind === 'anywhere')
    return `learner: none${waiting ? `; start one: ${typed.learner(description)}` : ''}`
  if (group.desired === 0)
    return `learner: none, and none asked for${waiting ? '; following the run asks for one' : ''}`
  return `learner: asked for one, ${group.running === 0 ? 'no machine is up yet' : 'a machine is up'}`
}

/** The claim names its run only from its next renewal on; the status of the run is newer. */
function workOf(learner: LearnerClaim, runs: readonly ListedRun[]): string | undefined {
  const begun = runs.find(({ status }) => status?.state === 'running' && status.learner?.id === learner.learner)
  if (begun) return begun.run
  return runs.some(({ run, status }) => run === learner.run && status && isOver(status)) ? undefined : learner.run
}

/** One run in full. */
export function runLines(
  status: RunStatus,
  view: Pick<StageView, 'description' | 'requested' | 'now'>,
  { colors, width }: Look,
): string[] {
  const { description, now } = view
  const { run, experiment, info, attempt, learner, checkpoint, error, events, requestedAt, endedAt, summary } = status
  const progress = progressOf(status)
  const goal = info?.stop.meanReturn
  const ago = (at: number) => `${duration(Math.max(0, now - at))} ago`
  const facts: (readonly [string, string | undefined])[] = [
    ['state', stateWord(status, view) + (attempt > 1 ? `, attempt ${attempt}` : '')],
    ['experiment', info ? `${experiment}: ${info.algorithm} on ${info.env}, seed ${info.seed}` : experiment],
    ['asked for', `${new Date(requestedAt).toISOString()}, ${ago(requestedAt)}`],
    ['ended', endedAt === undefined ? undefined : ago(endedAt)],
    ['learner', learner && learner.host],
    ['mean return', progress && `${measure(progress.meanReturn)}${goal === undefined ? '' : ` of ${measure(goal)}`}`],
    ['env steps', progress && `${count(progress.envSteps)} in ${duration(progress.atMs)}`],
    ['updates', progress && `${count(progress.updates)} (${rate(progress.updatesPerSecond)}/s)`],
    ['functions', progress && !isOver(status) ? count(progress.functionsInFlight) : undefined],
    ['cost on AWS', progress && usd(progress.costUsd)],
    ['checkpoint', checkpoint && `update ${count(checkpoint.updates)}, ${ago(checkpoint.at)}`],
    ['stopped by', summary && summary.reason],
    ['error', error && `${error.code}: ${oneLine(error.message)}`],
  ]
  const commands: (readonly [string, string | undefined])[] = [
    [isOver(status) ? 'bring it' : 'follow it', typed.follow(description, run)],
    ['stop it', isOver(status) ? undefined : typed.stop(description, run)],
  ]
  const head = (name: string) => `  ${colors.dim(name.padEnd(12))} `
  const lines = [
    ...facts.flatMap(([name, value]) => (value ? wrap(head(name) + value, width, INDENT) : [])),
    ...commands.flatMap(([name, value]) => (value ? commandRow(head(name), value, width) : [])),
  ]
  const newest = events.slice(-10)
  const told = newest.flatMap(({ at, level, text }) => {
    const line = wrap(`  ${ago(at).padStart(12)}  ${oneLine(text)}`, width, INDENT)
    return level === 'warn' ? line.map(colors.yellow) : line
  })
  return [run, ...lines, ...(told.length > 0 ? [colors.dim('newest events'), ...told] : [])]
}

const progressOf = ({ summary, progress }: RunStatus) => summary?.progress ?? progress
