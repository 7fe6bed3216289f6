import type { LogLine, LogQuery } from '../../shared/cloud/control/index.ts'
import { MillraceError } from '../../shared/errors.ts'
import { printable } from '../../shared/printable.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { watchSignals } from '../interrupts.ts'
import type { OpenStage } from '../stage/stage.ts'
import type { Colors } from '../terminal.ts'

export const LOG_SOURCES = ['all', 'learner', 'rollout', 'evaluate'] as const
type Source = Exclude<(typeof LOG_SOURCES)[number], 'all'>

export interface LogsOptions {
  readonly stage: string
  readonly of: (typeof LOG_SOURCES)[number]
  /** How far back, ms. */
  readonly sinceMs: number
  readonly follow: boolean
}

export interface LogsParts {
  readonly openStage: OpenStage
  logLines(query: LogQuery, options: { readonly region: string }): AsyncIterable<LogLine>
}

/**
 * `millrace logs`: what learner and functions of a stage wrote, in the order of time, each line with its source.
 *
 * @throws MillraceError E_STAGE when there is no such log; E_CREDENTIALS, E_PERMISSION, E_AWS
 */
export async function logsCommand(options: LogsOptions, host: Host, parts: LogsParts): Promise<number> {
  const { of, sinceMs, follow } = options
  const interrupts = watchSignals(host)
  try {
    const { description } = await parts.openStage(options.stage, { cwd: host.cwd })
    const sources = sourcesOf(description, of)
    const query = { groups: [...sources.keys()], sinceMs, follow, signal: interrupts.signal }
    let lines = 0
    for await (const line of parts.logLines(query, { region: description.region })) {
      if (interrupts.signal.aborted) break
      lines++
      host.out.write(printed(line, sources.get(line.group) ?? 'rollout', host.out.colors))
    }
    if (lines === 0 && !follow) host.err.write(`nothing was written in that time; --since 2h looks further back\n`)
    return interrupts.exitCode() ?? EXIT.ok
  } finally {
    interrupts.close()
  }
}

/** Log groups, and what writes to each. */
function sourcesOf({ logGroups, stage }: StageDescription, of: LogsOptions['of']): Map<string, Source> {
  const wanted: readonly Source[] = of === 'all' ? ['learner', 'rollout', 'evaluate'] : [of]
  const found = wanted.flatMap((source): [string, Source][] => {
    const group = logGroups[source]
    return group === undefined ? [] : [[group, source]]
  })
  if (found.length > 0) return new Map(found)
  throw new MillraceError(
    'E_STAGE',
    `stage ${stage} keeps no log of its learner: one that runs anywhere writes to its own terminal`,
  )
}

const PAINT: Readonly<Record<Source, keyof Colors>> = { learner: 'green', rollout: 'cyan', evaluate: 'yellow' }

/** One line for each line of the text: `09:00:01 learner | …`. Of a function's stream, the end: that is what differs. */
function printed({ at, stream, text }: LogLine, source: Source, colors: Colors): string {
  const time = new Date(at).toISOString().slice(11, 19)
  const name = source === 'learner' ? source : `${source} ${stream.slice(-6)}`
  const head = `${colors.dim(time)} ${colors[PAINT[source]](name.padEnd(15))} ${colors.dim('|')} `
  const lines = text.trimEnd().split(/\r?\n/)
  return lines.map((line) => `${head}${printable(line.replaceAll('\t', '  '))}\n`).join('')
}
