import type { CostMeter } from '../../shared/cost/costMeter.ts'
import type { EndlessEpisodes } from './endlessEpisodes.ts'
import type { Dropped, Progress, RunObserver, RunSummary, StopReason, UpdateLine } from './observer.ts'
import type { Sampler } from '../rollouts/sampler.ts'
import type { RunState } from './state.ts'
import type { Learner } from '../training/learner.ts'
import type { UpdateResult } from './updateResult.ts'

const PROGRESS_EVERY_MS = 100
/** Window of the rates. */
const WINDOW_MS = 2_000
const MAX_CURVE_POINTS = 400

interface Mark {
  readonly atMs: number
  readonly envSteps: number
  readonly updates: number
  readonly busyMs: number
}

export interface ReporterParts {
  readonly run: string
  readonly state: RunState
  readonly sampler: Sampler
  readonly learner: Learner
  readonly meter: CostMeter
  readonly observer: RunObserver
  readonly endless?: EndlessEpisodes | undefined
  /** Totals of the earlier attempts. */
  readonly before?: ReporterSnapshot | undefined
}

/** A point of the curve, with the update it belongs to. */
type CurvePoint = { readonly update: number; readonly point: readonly [number, number] }

/** The part of the report that a checkpoint keeps. */
export interface ReporterSnapshot {
  readonly elapsedMs: number
  readonly curve: readonly CurvePoint[]
  /** The curve has a point every this many updates. */
  readonly curveStride: number
}

/** Makes the metrics lines, the progress and the summary of a run for its observers. It only observes. */
export class Reporter {
  private readonly parts: ReporterParts
  private readonly startedAt: number
  private readonly marks: Mark[] = []
  private curve: CurvePoint[]
  private curveStride: number
  private last: UpdateLine
  /** Lines of updates that have not come out of the plan yet. */
  private readonly inPlan: UpdateLine[] = []
  private over = false
  private timer: NodeJS.Timeout | undefined

  constructor(parts: ReporterParts) {
    const { state, before } = parts
    this.parts = parts
    this.startedAt = performance.now() - (before?.elapsedMs ?? 0)
    this.curve = [...(before?.curve ?? [])]
    this.curveStride = before?.curveStride ?? 1
    this.last = {
      ...state.clocks,
      atMs: before?.elapsedMs ?? 0,
      policyVersion: state.policyVersion,
      lag: { min: 0, mean: 0, max: 0 },
      meanReturn: state.episodes.mean(),
      episodes: state.episodes.episodes,
      metrics: {},
    }
  }

  start(): void {
    this.marks.push(this.mark())
    this.timer = setInterval(() => this.progressNow(), PROGRESS_EVERY_MS)
    this.timer.unref()
  }

  /** An update was made. */
  update(result: UpdateResult): UpdateLine {
    const { observer } = this.parts
    const { envSteps, trainedSteps, updates, policyVersion, lag, meanReturn, episodes, metrics } = result
    const line: UpdateLine = {
      atMs: this.elapsedMs(),
      envSteps,
      trainedSteps,
      updates,
      policyVersion,
      lag,
      meanReturn,
      episodes,
      metrics,
    }
    if (!this.over) this.last = line
    this.inPlan.push(line)
    if (meanReturn !== null && updates % this.curveStride === 0) this.addToCurve(updates, [envSteps, meanReturn])
    observer.onUpdate?.(line)
    return line
  }

  /** An update came out of the plan. @returns its line; it is made now if it was not reported yet */
  cameOut(update: UpdateResult): UpdateLine {
    const at = this.inPlan.findIndex(({ updates }) => updates === update.updates)
    const line = this.inPlan[at] ?? this.update(update)
    this.inPlan.splice(0, at < 0 ? this.inPlan.length : at + 1)
    return line
  }

  /** The run ends with this update. Later updates still get lines in the log, but are not part of the result. */
  overWith(line: UpdateLine): void {
    this.last = line
    this.over = true
  }

  end(reason: StopReason): RunSummary {
    clearInterval(this.timer)
    const progress = this.progress()
    const curve = this.curve.map(({ point }) => point)
    const { run, meter, sampler } = this.parts
    const because = sampler.brokenBecause
    const broken = because !== undefined && { deterministic: false as const, notDeterministicBecause: because }
    const summary = { run, reason, progress, curve, costByPart: meter.byPart(), ...broken }
    this.parts.observer.onEnd?.(summary)
    return summary
  }

  /** The state up to this update, for a later attempt. */
  save(update: number): ReporterSnapshot {
    const curve = this.curve.filter((kept) => kept.update <= update)
    return { elapsedMs: this.elapsedMs(), curve, curveStride: this.curveStride }
  }

  /** Stops reporting after a failure. */
  close(): void {
    clearInterval(this.timer)
  }

  private progressNow(): void {
    this.marks.push(this.mark())
    while (this.marks.length > 2 && (this.marks[1]?.atMs ?? 0) < this.elapsedMs() - WINDOW_MS) this.marks.shift()
    this.parts.observer.onProgress?.(this.progress())
    this.parts.endless?.look(this.elapsedMs())
  }

  private progress(): Progress {
    const { sampler, state, meter } = this.parts
    const now = this.mark()
    const from = this.marks[0] ?? now
    const ms = Math.max(1, now.atMs - from.atMs)
    const { fragments, envSteps } = state.stale
    const dropped: Dropped = { stale: fragments, envSteps, ...sampler.rejected }
    return {
      ...this.last,
      atMs: now.atMs,
      stepsPerSecond: ((now.envSteps - from.envSteps) / ms) * 1000,
      updatesPerSecond: ((now.updates - from.updates) / ms) * 1000,
      learnerIdleShare: Math.min(1, Math.max(0, 1 - (now.busyMs - from.busyMs) / ms)),
      functionsInFlight: sampler.functionsInFlight,
      queuedFragments: sampler.queuedFragments,
      costUsd: meter.total(),
      dropped,
      ...(sampler.episodesCut > 0 && { episodesCut: sampler.episodesCut }),
    }
  }

  private mark(): Mark {
    const { state, learner } = this.parts
    return {
      atMs: this.elapsedMs(),
      envSteps: state.clocks.envSteps,
      updates: state.clocks.updates,
      busyMs: learner.busyMs,
    }
  }

  private elapsedMs(): number {
    return performance.now() - this.startedAt
  }

  /** Keeps every second point whenever there are too many: a curve of any length stays small and even. */
  private addToCurve(update: number, point: readonly [number, number]): void {
    this.curve.push({ update, point })
    if (this.curve.length < MAX_CURVE_POINTS) return
    this.curveStride *= 2
    this.curve = this.curve.filter((kept) => kept.update % this.curveStride === 0)
  }
}
