import type { Progress, RunInfo } from '../../learner/run/observer.ts'
import type { Host } from '../host.ts'
import type { Display } from './display.ts'
import { liveView, startLine, type LiveState } from './liveView.ts'
import { outputLine } from './outputLine.ts'
import { oneLine } from '../../shared/oneLine.ts'
import { displayWidth } from './text.ts'
import { fit, print } from './wrap.ts'

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const REDRAW_MS = 100
/** Progress from elsewhere comes about once a second: so long the time goes on without. */
const LONGEST_GUESS_MS = 3_000

export interface LiveOptions {
  /** The run is elsewhere and may have begun long ago: its time is what its progress says, not that since `onStart`. */
  readonly elsewhere?: boolean
  /** What earlier attempts at the run have taken: its time goes on from there. */
  readonly earlierMs?: number | undefined
}

/**
 * A few lines redrawn in place, at most ten times a second and only from a timer: an observer's call only keeps what it is
 * given, so that showing a run never slows it.
 */
export function liveDisplay(
  host: Pick<Host, 'out' | 'monotonic' | 'every'>,
  { elsewhere = false, earlierMs = 0 }: LiveOptions = {},
): Display {
  const { out } = host
  let state: LiveState | undefined
  let startedAt = host.monotonic()
  /** Of a run elsewhere: when its progress last came. */
  let heardAt: number | undefined
  let drawn: readonly string[] = []
  let stopTimer: (() => void) | undefined

  /** Escape codes that put the cursor on the first drawn line and clear from there; a terminal made narrower has wrapped the lines. */
  const rewind = () => {
    const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / out.columns)), 0)
    return rows === 0 ? '' : `\x1b[${rows}A\r\x1b[J`
  }
  const draw = () => {
    if (!state) return
    // While another learner takes the run over, nobody counts its time: it stands still, and never goes back.
    const now = heardAt === undefined ? host.monotonic() : Math.min(host.monotonic(), heardAt + LONGEST_GUESS_MS)
    state = { ...state, elapsedMs: Math.max(state.elapsedMs, now - startedAt) }
    const lines = liveView(state, { width: out.columns - 1, colors: out.colors, glyphs: out.glyphs })
    if (lines.length === drawn.length && lines.every((line, i) => line === drawn[i])) return
    out.write(`${rewind()}${lines.join('\n')}\n`)
    drawn = lines
  }
  const printAbove = (text: string) => {
    out.write(`${rewind()}${fit(text, out)}\n`)
    drawn = []
    draw()
  }
  const onProgress = (progress: Progress) => {
    if (elsewhere) {
      heardAt = host.monotonic()
      startedAt = heardAt - progress.atMs
    }
    if (state) state = { ...state, progress, baseline: state.baseline ?? progress.meanReturn ?? undefined }
  }
  return {
    onProgress,
    onStart(info: RunInfo) {
      startedAt = host.monotonic() - earlierMs
      state = { info, elapsedMs: earlierMs }
      out.write(`${fit(startLine(info), out)}\n${HIDE_CURSOR}`)
      draw()
      stopTimer = host.every(REDRAW_MS, draw)
    },
    onEvent({ level, text }) {
      printAbove(level === 'warn' ? out.colors.yellow(`warning: ${oneLine(text)}`) : oneLine(text))
    },
    onOutput: (output) => printAbove(outputLine(output)),
    onEnd: (summary) => onProgress(summary.progress),
    stopping(text) {
      if (state) state = { ...state, note: text }
      else print(out, text)
      draw()
    },
    close() {
      if (!stopTimer) return
      stopTimer()
      stopTimer = undefined
      if (state) state = { ...state, note: undefined }
      draw()
      out.write(SHOW_CURSOR)
    },
  }
}
