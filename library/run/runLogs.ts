import { RUN_FILES } from '../../learner/run/files.ts'
import type { RunObserver } from '../../learner/run/observer.ts'
import { oneLine } from '../../shared/oneLine.ts'
import { LinesLog, type LinesLogOptions } from './linesLog.ts'
import type { RunFolder } from './runFolder.ts'

export interface RunLogs {
  readonly observer: Required<Pick<RunObserver, 'onEveryEvent' | 'onOutput'>>
  /** Lines that envs wrote so far. */
  readonly outputLines: number
  close(): Promise<void>
}

export interface RunLogsOptions extends LinesLogOptions {
  /** ms since the epoch */
  readonly now: () => number
}

/** The logs in the run folder: every event in `events.log`, everything that envs write in `output.log`. A log is created with its first line. */
export function openRunLogs(folder: Pick<RunFolder, 'file'>, { now, ...options }: RunLogsOptions): RunLogs {
  const events = new LinesLog(folder.file(RUN_FILES.events), options)
  const output = new LinesLog(folder.file(RUN_FILES.output), options)
  return {
    observer: {
      onEveryEvent: ({ level, text }) =>
        events.add(`${new Date(now()).toISOString()} ${level === 'warn' ? 'warning' : level}: ${oneLine(text)}`),
      onOutput: ({ shard, stream, text }) => output.add(`shard ${shard ?? '-'} ${stream} | ${text}`),
    },
    get outputLines() {
      return output.lines
    },
    async close() {
      await Promise.all([events.close(), output.close()])
    },
  }
}
