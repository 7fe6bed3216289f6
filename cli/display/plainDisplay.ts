import type { RunInfo } from '../../learner/run/observer.ts'
import type { Terminal } from '../terminal.ts'
import type { Display } from './display.ts'
import { progressLine, startLine } from './liveView.ts'
import { outputLine } from './outputLine.ts'
import { oneLine } from '../../shared/oneLine.ts'

/** Lines for a log: one a second at first, then one every fiftieth of the time gone by, at least one a minute. */
export function plainDisplay(out: Terminal): Display {
  let info: RunInfo | undefined
  let nextAtMs = 1000
  const line = (text: string) => out.write(`${text}\n`)
  return {
    onStart(started) {
      info = started
      line(startLine(started))
    },
    onProgress(progress) {
      if (!info || progress.atMs < nextAtMs) return
      nextAtMs = progress.atMs + Math.min(60_000, Math.max(1000, progress.atMs / 50))
      line(progressLine(progress, info))
    },
    onEvent: ({ level, text }) => line(`${level === 'warn' ? 'warning: ' : ''}${oneLine(text)}`),
    onOutput: (output) => line(outputLine(output)),
    onEnd: ({ progress }) => {
      if (info) line(progressLine(progress, info))
    },
    stopping: line,
    close() {},
  }
}
