import { z } from 'zod'
import { AwsError } from '../awsError.ts'
import type { JsonService } from './jsonFront.ts'
import type { LogEntry, LogStore } from './logStore.ts'
import { arn, operation, page } from './wire.ts'

/** CloudWatch's page: so many events, or so much text. */
const PAGE = { events: 10_000, chars: 1024 * 1024 } as const

const Filter = z.strictObject({
  logGroupName: z.string(),
  logStreamNames: z.array(z.string()).max(100).optional(),
  logStreamNamePrefix: z.string().optional(),
  startTime: z.number().int().min(0).optional(),
  endTime: z.number().int().min(0).optional(),
  filterPattern: z.string().optional(),
  nextToken: z.string().optional(),
  limit: z.number().int().min(1).max(PAGE.events).optional(),
  interleaved: z.boolean().optional(),
})

export function cloudWatchLogs(logs: LogStore): JsonService {
  return {
    service: 'logs',
    target: 'Logs_20140328',
    operations: {
      FilterLogEvents: operation(Filter, (input) => filterEvents(logs, input)),
      DescribeLogGroups: operation(
        z.strictObject({
          logGroupNamePrefix: z.string().optional(),
          limit: z.number().int().min(1).max(50).optional(),
          nextToken: z.string().optional(),
        }),
        ({ logGroupNamePrefix, limit = 50, nextToken }) => {
          const { items, next } = page(logs.groups(logGroupNamePrefix), { size: limit, token: nextToken })
          return {
            logGroups: items.map(({ name, createdMs, chars }) => ({
              logGroupName: name,
              creationTime: createdMs,
              storedBytes: chars,
              arn: arn('logs', `log-group:${name}:*`),
            })),
            ...(next !== undefined && { nextToken: next }),
          }
        },
      ),
    },
  }
}

function filterEvents(logs: LogStore, input: z.output<typeof Filter>): object {
  const entries = logs.read(input.logGroupName, Number(input.nextToken ?? 0))
  if (entries === undefined)
    throw new AwsError(400, 'ResourceNotFoundException', 'The specified log group does not exist.')
  const wanted = filter(input)
  const events: object[] = []
  let chars = 0
  for (const entry of entries) {
    if (!wanted(entry)) continue
    if (events.length >= (input.limit ?? PAGE.events) || chars > PAGE.chars)
      return { events, nextToken: String(entry.n), searchedLogStreams: [] }
    chars += entry.text.length
    events.push({
      logStreamName: entry.stream,
      timestamp: entry.at,
      ingestionTime: entry.at,
      message: entry.text,
      eventId: String(entry.n).padStart(56, '0'),
    })
  }
  return { events, searchedLogStreams: [] }
}

function filter(input: z.output<typeof Filter>): (entry: LogEntry) => boolean {
  const { startTime = 0, endTime = Infinity, logStreamNames, logStreamNamePrefix = '', filterPattern = '' } = input
  if (/[{}[\]?%-]/.test(filterPattern))
    throw new AwsError(400, 'InvalidParameterException', 'The emulated CloudWatch filters by plain words only.')
  const words = [...filterPattern.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  return ({ at, stream, text }) =>
    at >= startTime &&
    at <= endTime &&
    stream.startsWith(logStreamNamePrefix) &&
    (logStreamNames?.includes(stream) ?? true) &&
    words.every((word) => text.includes(word))
}
