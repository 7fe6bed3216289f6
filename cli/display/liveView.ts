import type { Progress, RunInfo } from '../../learner/run/observer.ts'
import { noColors, unicodeGlyphs, type Colors, type Glyphs } from '../terminal.ts'
import { count, duration, measure, percent, rate, usd } from './format.ts'
import { oneLine } from '../../shared/oneLine.ts'
import { clip, pad } from './text.ts'
import { flow, wrap } from './wrap.ts'

/** Everything the live display shows, as plain data. */
export interface LiveState {
  readonly info: RunInfo
  readonly elapsedMs: number
  /** Undefined until the service first said where it is. */
  readonly progress?: Progress | undefined
  /** The first mean return seen: where the bar to a goal in mean return begins. */
  readonly baseline?: number | undefined
  /** A line below the others, for instance that the run is being stopped. */
  readonly note?: string | undefined
}

export interface ViewOptions {
  readonly width: number
  readonly colors?: Colors
  readonly glyphs?: Glyphs
}

/** The live display as lines, none wider than `width`. */
export function liveView(state: LiveState, options: ViewOptions): string[] {
  const { width, colors = noColors, glyphs = unicodeGlyphs } = options
  const { info, progress } = state
  const label = (name: string, value: string, minWidth = 0) => pad(`${colors.dim(name)} ${value}`, minWidth)
  const time = label('time', duration(state.elapsedMs), 12)
  const lines = [goalBar(state, { width, colors, glyphs })]
  if (progress && progress.envSteps > 0) {
    const { lag } = progress
    const steps = count(progress.envSteps) + (info.stop.envSteps ? ` of ${count(info.stop.envSteps)}` : '')
    const parts = [
      label('env steps', steps, 33),
      label('steps/s', rate(progress.stepsPerSecond), 15),
      label('updates', `${count(progress.updates)} (${rate(progress.updatesPerSecond)}/s)`, 22),
      label('policy lag', `${count(lag.min)} / ${lag.mean.toFixed(1)} / ${count(lag.max)}`, 21),
      label('learner idle', percent(progress.learnerIdleShare), 17),
      label('functions', count(progress.functionsInFlight), 12),
      label('queued', count(progress.queuedFragments), 9),
      time,
      label('cost on AWS', usd(progress.costUsd), 19),
      ...droppedParts(progress, colors),
    ]
    lines.push(...flow(parts, width))
  } else {
    const waiting = wrap(`waiting for the first fragments from ${oneLine(info.where)}`, width, 2)
    lines.push(...waiting.slice(0, -1), ...flow([waiting.at(-1) ?? '', time], width))
  }
  if (state.note) lines.push(...wrap(colors.yellow(oneLine(state.note)), width, 2))
  return lines
}

function droppedParts({ dropped }: Progress, colors: Colors): string[] {
  const reasons = (['stale', 'duplicate', 'corrupt', 'foreign'] as const)
    .filter((reason) => dropped[reason] > 0)
    .map((reason) => `${count(dropped[reason])} ${reason}`)
  return reasons.length === 0
    ? []
    : [colors.yellow(`dropped ${reasons.join(', ')} (${count(dropped.envSteps)} env steps)`)]
}

function goalBar(state: LiveState, { width, colors, glyphs }: Required<ViewOptions>): string {
  const { text, share } = goalProgress(state)
  const figure = share === undefined ? '' : ` ${percent(share).padStart(4)}`
  const barWidth = Math.min(40, width - text.length - figure.length - 2)
  if (share === undefined || barWidth < 4) return clip(`${text}${figure}`, width)
  const full = Math.round(share * barWidth)
  const bar = colors.green(glyphs.barFull.repeat(full)) + colors.dim(glyphs.barEmpty.repeat(barWidth - full))
  return clip(`${bar}${figure}  ${text}`, width)
}

/**
 * How far the run is on the way to its goal, 0 … 1: from the first mean return seen to the goal's, else by env steps, else by
 * seconds; undefined for a run without any end.
 */
export function goalProgress({ info, progress, baseline, elapsedMs }: LiveState): {
  text: string
  share: number | undefined
} {
  const { meanReturn: goal, envSteps, seconds } = info.stop
  const mean = progress?.meanReturn ?? null
  const text = `mean return ${measure(mean)}${goal === undefined ? '' : ` of ${measure(goal)}`}`
  return { text, share: share() }

  function share(): number | undefined {
    if (goal !== undefined) {
      if (mean === null || baseline === undefined) return 0
      if (mean >= goal) return 1
      return goal > baseline ? bounded((mean - baseline) / (goal - baseline)) : 0
    }
    if (envSteps !== undefined) return bounded((progress?.envSteps ?? 0) / envSteps)
    return seconds === undefined ? undefined : bounded(elapsedMs / 1000 / seconds)
  }
}

function bounded(share: number): number {
  return Math.min(1, Math.max(0, Number.isNaN(share) ? 0 : share))
}

/** One line for a log or a pipe: the same facts as the live display, no escape codes. */
export function progressLine(progress: Progress, info: RunInfo): string {
  const { lag, dropped } = progress
  const goal = info.stop.meanReturn
  const lost = dropped.stale + dropped.duplicate + dropped.corrupt + dropped.foreign
  return [
    duration(progress.atMs).padStart(7),
    `env steps ${count(progress.envSteps)}`,
    `${rate(progress.stepsPerSecond)} steps/s`,
    `mean return ${measure(progress.meanReturn)}${goal === undefined ? '' : ` of ${measure(goal)}`}`,
    `policy lag ${count(lag.min)}/${lag.mean.toFixed(1)}/${count(lag.max)}`,
    `updates ${count(progress.updates)} (${rate(progress.updatesPerSecond)}/s)`,
    `learner idle ${percent(progress.learnerIdleShare)}`,
    `functions ${count(progress.functionsInFlight)}`,
    `on AWS ${usd(progress.costUsd)}`,
    ...(lost > 0 ? [`dropped ${count(lost)}`] : []),
  ].join('  ')
}

/** What runs where, and until when. */
export function startLine(info: RunInfo): string {
  const { meanReturn, envSteps, seconds } = info.stop
  const ends = [
    ...(meanReturn === undefined ? [] : [`mean return ${measure(meanReturn)}`]),
    ...(envSteps === undefined ? [] : [`${count(envSteps)} env steps`]),
    ...(seconds === undefined ? [] : [duration(seconds * 1000)]),
  ]
  const until = ends.length === 0 ? 'until Ctrl-C' : `until ${ends.join(' or ')}`
  return oneLine(`${info.algorithm} on ${info.env}, seed ${info.seed}, ${info.where}, ${until}`)
}
