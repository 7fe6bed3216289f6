import {
  CloudWatchLogsClient,
  FilterLogEventsCommand,
  type FilterLogEventsCommandOutput,
} from '@aws-sdk/client-cloudwatch-logs'
import type { AwsOptions } from '../endpoints.ts'
import { systemClock } from '../clock.ts'
import { controlConfig } from './config.ts'
import { awsProblem } from './problem.ts'

export interface LogQuery {
  /** Groups that do not exist (yet) are empty. */
  readonly groups: readonly string[]
  /** How far back to begin, ms. */
  readonly sinceMs: number
  /** Go on until `signal` is aborted. */
  readonly follow: boolean
  readonly signal: AbortSignal
  /** Between two looks when following; 2,000 unless told: the account may ask a handful of times a second. */
  readonly pollMs?: number
}

export interface LogLine {
  readonly group: string
  readonly stream: string
  /** ms since the epoch. */
  readonly at: number
  readonly text: string
}

interface Event extends LogLine {
  readonly id: string
}

/** Lines reach CloudWatch some seconds after they were written: each look goes back so far, and leaves out what was seen. */
const LATE_MS = 15_000

/**
 * What was written to log groups, merged in the order of time; when following, in that order within a look. An abort ends it quietly.
 * @throws MillraceError E_CREDENTIALS, E_PERMISSION, E_REGION, E_AWS
 */
export async function* readLogs(query: LogQuery, options: AwsOptions = {}): AsyncGenerator<LogLine> {
  const client = new CloudWatchLogsClient(controlConfig('CLOUDWATCH_LOGS', options))
  const { signal, pollMs = 2000 } = query
  const readers = query.groups.map((group) => new GroupReader(client, group, systemClock.now() - query.sinceMs))
  try {
    for (;;) {
      yield* mergeByTime(readers.map((reader) => reader.look(signal)))
      if (!query.follow || signal.aborted) return
      await systemClock.sleep(pollMs, signal)
    }
  } catch (cause) {
    if (!signal.aborted) throw awsProblem('cannot read the logs', cause)
  } finally {
    client.destroy()
  }
}

class GroupReader {
  readonly #client: CloudWatchLogsClient
  readonly #group: string
  /** Ids of the lines of the last moments, with their times. */
  readonly #seen = new Map<string, number>()
  #from: number
  #latest: number

  constructor(client: CloudWatchLogsClient, group: string, from: number) {
    this.#client = client
    this.#group = group
    this.#from = from
    this.#latest = from
  }

  /** Everything new, page by page. */
  async *look(signal: AbortSignal): AsyncGenerator<Event> {
    let nextToken: string | undefined
    do {
      if (signal.aborted) return
      const { events = [], nextToken: next } = await this.#page(nextToken, signal)
      nextToken = next
      for (const { eventId = '', logStreamName = '', timestamp = 0, message = '' } of events) {
        if (this.#seen.has(eventId)) continue
        this.#seen.set(eventId, timestamp)
        this.#latest = Math.max(this.#latest, timestamp)
        yield {
          id: eventId,
          group: this.#group,
          stream: logStreamName,
          at: timestamp,
          text: message.replace(/\n$/, ''),
        }
      }
    } while (nextToken !== undefined)
    this.#from = Math.max(this.#from, this.#latest - LATE_MS)
    for (const [id, at] of this.#seen) if (at < this.#from) this.#seen.delete(id)
  }

  async #page(nextToken: string | undefined, abortSignal: AbortSignal): Promise<Partial<FilterLogEventsCommandOutput>> {
    const input = { logGroupName: this.#group, startTime: Math.floor(this.#from), ...(nextToken && { nextToken }) }
    try {
      return await this.#client.send(new FilterLogEventsCommand(input), { abortSignal })
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'ResourceNotFoundException') return {} // nothing ran yet
      throw cause
    }
  }
}

/** Merges sources that are each in order; closes them all when its consumer ends. */
async function* mergeByTime(sources: readonly AsyncGenerator<Event>[]): AsyncGenerator<LogLine> {
  try {
    const heads = await Promise.all(sources.map(async (source) => ({ source, next: await source.next() })))
    for (;;) {
      let first: (typeof heads)[number] | undefined
      for (const head of heads) {
        if (head.next.done) continue
        if (first === undefined || first.next.done || head.next.value.at < first.next.value.at) first = head
      }
      if (first === undefined || first.next.done) return
      const { id: _, ...line } = first.next.value
      yield line
      first.next = await first.source.next()
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)))
  }
}
