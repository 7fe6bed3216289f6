import { relative } from 'node:path'
import type { RunSummary, StopReason } from '../../learner/run/observer.ts'
import type { Host } from '../host.ts'
import { noColors, unicodeGlyphs, type Colors, type Glyphs } from '../terminal.ts'
import { chart } from './chart.ts'
import { count, duration, measure, rate, usd } from './format.ts'
import { oneLine } from '../../shared/oneLine.ts'
import { printableWithColors } from '../../shared/printable.ts'
import { commandRow, quoted } from './shell.ts'
import { displayWidth } from './text.ts'
import { lineWidth, wrap } from './wrap.ts'

export interface SummaryOptions {
  readonly width: number
  readonly goal?: number | undefined
  /** The run folder as the user would type it. */
  readonly folder: string
  /** The command that goes on with the run, where it was interrupted. */
  readonly goOn?: string
  readonly colors?: Colors
  readonly glyphs?: Glyphs
}

/** Where the values of the figures begin. */
const INDENT = 15

/** What a run came to: reason of the stop, figures, cost by part, the learning curve, and the command to type next. */
export function summaryLines(summary: RunSummary, options: SummaryOptions): string[] {
  const { goal, folder, goOn, colors = noColors, glyphs = unicodeGlyphs } = options
  const width = Math.max(20, options.width)
  const { progress } = summary
  const overall = progress.atMs > 0 ? progress.envSteps / (progress.atMs / 1000) : 0
  const curve = chart(summary.curve, { width: Math.min(width, 70), height: 12, goal, glyphs })
  const figures: [string, string][] = [
    [
      'mean return',
      progress.episodes === 0
        ? '- (no episode has ended)'
        : `${measure(progress.meanReturn)} (last 100 of ${count(progress.episodes)} episodes)`,
    ],
    ...cutEpisodes(progress.episodesCut),
    ['env steps', `${count(progress.envSteps)} in ${duration(progress.atMs)}, ${rate(overall)} steps/s`],
    ['updates', count(progress.updates)],
    ['cost on AWS', costs(summary)],
    ...unrepeatable(summary),
  ]
  const row = (name: string, value: string) => `  ${colors.dim(name.padEnd(12))} ${value}`
  return [
    '',
    ...(curve.length > 0 ? [...wrap(colors.dim('mean return of the last 100 episodes'), width), ...curve, ''] : []),
    ...wrap(stopSentence(summary, { goal, colors }), width, 2),
    ...figures.flatMap(([name, value]) => wrap(row(name, oneLine(value)), width, INDENT)),
    ...pathRow(row('run folder', ''), oneLine(folder), width),
    ...(goOn === undefined ? [] : commandRow(row('to go on', ''), goOn, width)),
    ...commandRow(row('next', ''), `npx millrace evaluate ${quoted(folder)}`, width),
  ]
}

/** A path whole where a line can hold it: it is there to be copied. */
function pathRow(label: string, path: string, width: number): string[] {
  if (displayWidth(label + path) <= width) return [label + path]
  return [label.trimEnd(), ...wrap(`    ${path}`, width, 4)]
}

/** Prints the summary of a run whose folder has this absolute path. */
export function printSummary(
  summary: RunSummary,
  { goal, folder, goOn }: Pick<SummaryOptions, 'goal' | 'folder' | 'goOn'>,
  { cwd, out }: Pick<Host, 'cwd' | 'out'>,
): void {
  const { colors, glyphs } = out
  const shown = { goal, folder: fromHere(folder, cwd), ...(goOn !== undefined && { goOn }) }
  const lines = summaryLines(summary, { width: lineWidth(out), ...shown, colors, glyphs })
  out.write(printableWithColors(lines.map((line) => `${line}\n`).join('')))
}

/** A path as the user would type it. */
export function fromHere(path: string, cwd: string): string {
  const below = relative(cwd, path)
  return /^\.\.([\\/]|$)/.test(below) ? path : below || '.'
}

function cutEpisodes(cut = 0): [string, string][] {
  if (cut === 0) return []
  return [
    ['not in it', `${count(cut)} ${cut === 1 ? 'episode' : 'episodes'} cut as leases ended: the env cannot be saved`],
  ]
}

function unrepeatable({
  deterministic,
  notDeterministicBecause = 'it is not known why',
}: RunSummary): [string, string][] {
  return deterministic === false ? [['repeats', `not bit for bit: ${notDeterministicBecause}`]] : []
}

const REASONS: Readonly<Record<Exclude<StopReason, 'meanReturn'>, string>> = {
  envSteps: 'the limit on env steps',
  seconds: 'the limit on time',
  budget: 'the budget',
  interrupted: 'an interruption',
  ended: 'the end of the plan',
}

function stopSentence(
  { reason, progress }: RunSummary,
  { goal, colors }: { goal: number | undefined; colors: Colors },
): string {
  if (reason === 'meanReturn')
    return colors.green(`Reached a mean return of ${measure(progress.meanReturn)}; the goal was ${measure(goal)}.`)
  const ended = `Ended by ${REASONS[reason]}`
  if (goal === undefined) return `${ended}.`
  return colors.yellow(`${ended}, before the goal of ${measure(goal)}.`)
}

function costs({ progress, costByPart }: RunSummary): string {
  const parts = Object.entries(costByPart)
    .filter(([, amount]) => usd(amount) !== usd(0))
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, amount]) => `${name} ${usd(amount)}`)
  return usd(progress.costUsd) + (parts.length > 0 ? ` (${parts.join(', ')})` : '')
}
