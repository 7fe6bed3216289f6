import { basename, dirname, extname, isAbsolute } from 'node:path'
import { AwsError } from '../awsError.ts'
import { MillraceError } from '../../../shared/errors.ts'

/** A function as code declares it. What Lambda keeps in whole seconds is in milliseconds here, so that tests can be quick. */
export interface FunctionOptions {
  /** 1 to 64 letters, digits, `-` or `_`. */
  readonly name: string
  /** Absolute path of the bundled module (.mjs, .js or .cjs), with no other dot in its base name. */
  readonly file: string
  /** Which export of it is called; `handler` unless told. */
  readonly exportName?: string
  /** 128 to 10,240. */
  readonly memoryMb: number
  /** 1 to 900,000. */
  readonly timeoutMs: number
  /** All that the function sees beside what Lambda itself sets: nothing is inherited from this process but PATH and TMPDIR. */
  readonly environment?: Readonly<Record<string, string>>
  /** Environments set apart for this function, and the most it can have. 0 stops it. */
  readonly reservedConcurrency?: number
  /** How often a failed asynchronous invocation is tried again: 0, 1 or 2 (Lambda's default). */
  readonly retries?: number
  /** An asynchronous event older than this is dropped: 1 to 21,600,000 (six hours, Lambda's default). */
  readonly maximumEventAgeMs?: number
  /** ARN of the SQS queue that is told of asynchronous events that failed for good. */
  readonly onFailure?: string
}

/** How asynchronous events of a function are retried and dropped. */
export interface EventConfig {
  retries: number
  maximumEventAgeMs: number
  /** ARN of a queue. */
  onFailure: string | undefined
  lastModifiedMs: number
}

/** A function as the emulation keeps it: the declaration, and what the API can change. */
export interface LambdaFunction {
  readonly name: string
  readonly arn: string
  readonly region: string
  readonly file: string
  /** Lambda's own way to write file and export: `rollout.handler`. */
  readonly handler: string
  readonly taskRoot: string
  readonly memoryMb: number
  readonly timeoutMs: number
  readonly environment: Readonly<Record<string, string>>
  readonly lastModifiedMs: number
  reservedConcurrency: number | undefined
  eventConfig: EventConfig | undefined
  /** Invocations running now. */
  running: number
}

export const DEFAULT_RETRIES = 2
export const DEFAULT_EVENT_AGE_MS = 6 * 3_600_000

/** The one kind of destination there is here. */
export const isQueueArn = (text: string): boolean => /^arn:aws:sqs:[a-z0-9-]+:\d{12}:[\w-]{1,80}$/.test(text)

/** @throws MillraceError E_FUNCTION naming the field that Lambda would refuse */
export function declareFunction(options: FunctionOptions, region: string, nowMs: number): LambdaFunction {
  const { name, file, exportName = 'handler', memoryMb, timeoutMs } = options
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) refuse('name', 'to be 1 to 64 letters, digits, - or _', name)
  const module = basename(file, extname(file))
  if (!isAbsolute(file) || !/^\.[mc]?js$/.test(extname(file)) || module.includes('.')) {
    refuse('file', 'to be the absolute path of a .mjs, .js or .cjs file with no other dot in its name', file)
  }
  if (!/^[\w$]+$/.test(exportName)) refuse('exportName', 'to be a name', exportName)
  inRange('memoryMb', memoryMb, [128, 10_240])
  inRange('timeoutMs', timeoutMs, [1, 900_000])
  const { reservedConcurrency, retries, maximumEventAgeMs, onFailure } = options
  if (reservedConcurrency !== undefined)
    inRange('reservedConcurrency', reservedConcurrency, [0, Number.MAX_SAFE_INTEGER])
  if (retries !== undefined) inRange('retries', retries, [0, 2])
  if (maximumEventAgeMs !== undefined) inRange('maximumEventAgeMs', maximumEventAgeMs, [1, DEFAULT_EVENT_AGE_MS])
  if (onFailure !== undefined && !isQueueArn(onFailure)) refuse('onFailure', 'to be the ARN of an SQS queue', onFailure)
  const eventConfigured = onFailure !== undefined || retries !== undefined || maximumEventAgeMs !== undefined
  return {
    name,
    arn: `arn:aws:lambda:${region}:000000000000:function:${name}`,
    region,
    file,
    handler: `${module}.${exportName}`,
    taskRoot: dirname(file),
    memoryMb,
    timeoutMs,
    environment: { ...options.environment },
    lastModifiedMs: nowMs,
    reservedConcurrency,
    eventConfig: eventConfigured
      ? {
          retries: retries ?? DEFAULT_RETRIES,
          maximumEventAgeMs: maximumEventAgeMs ?? DEFAULT_EVENT_AGE_MS,
          onFailure,
          lastModifiedMs: nowMs,
        }
      : undefined,
    running: 0,
  }
}

/** The function that a name, a partial ARN or a full ARN means. @throws AwsError ResourceNotFoundException */
export function findFunction(
  functions: ReadonlyMap<string, LambdaFunction>,
  reference: string,
  qualifier?: string | null,
): LambdaFunction {
  const parts = reference.split(':')
  const marker = parts.lastIndexOf('function')
  const [name = '', version = qualifier ?? '$LATEST'] = marker < 0 ? parts : parts.slice(marker + 1)
  const found = functions.get(name)
  if (found === undefined || version !== '$LATEST') {
    throw new AwsError(404, 'ResourceNotFoundException', `Function not found: ${reference}`)
  }
  return found
}

function inRange(field: string, value: number, [low, high]: readonly [number, number]): void {
  if (!Number.isInteger(value) || value < low || value > high)
    refuse(field, `to be an integer from ${low} to ${high}`, value)
}

function refuse(field: string, wanted: string, got: string | number): never {
  throw new MillraceError('E_FUNCTION', `${field} of a function has ${wanted}, got ${JSON.stringify(got)}`, {
    [field]: got,
  })
}
