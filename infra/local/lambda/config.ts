import { AwsError } from '../awsError.ts'
import { DEFAULT_EVENT_AGE_MS, DEFAULT_RETRIES, type LambdaFunction, isQueueArn } from './function.ts'

/** What GetFunction answers; its `Configuration` is also what GetFunctionConfiguration and ListFunctions show. */
export function functionView(fn: LambdaFunction) {
  return {
    Configuration: {
      FunctionName: fn.name,
      FunctionArn: fn.arn,
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/local',
      Handler: fn.handler,
      Timeout: Math.ceil(fn.timeoutMs / 1000),
      MemorySize: fn.memoryMb,
      LastModified: new Date(fn.lastModifiedMs).toISOString().replace('Z', '+0000'),
      Version: '$LATEST',
      Environment: { Variables: fn.environment },
      PackageType: 'Zip',
      Architectures: [process.arch === 'arm64' ? 'arm64' : 'x86_64'],
      State: 'Active',
      LastUpdateStatus: 'Successful',
    },
    Code: { RepositoryType: 'local', Location: fn.file },
    ...(fn.reservedConcurrency === undefined
      ? {}
      : { Concurrency: { ReservedConcurrentExecutions: fn.reservedConcurrency } }),
  }
}

/** One page of ListFunctions, in the order of names; `Marker` is the last name of the page before. */
export function listView(functions: readonly LambdaFunction[], query: URLSearchParams) {
  const after = query.get('Marker') ?? ''
  const size = Math.min(Math.max(Number(query.get('MaxItems') ?? 50), 1), 50)
  const rest = functions.filter((fn) => fn.name > after).sort((a, b) => (a.name < b.name ? -1 : 1))
  const page = rest.slice(0, size)
  const last = rest.length > size ? page.at(-1)?.name : undefined
  return {
    Functions: page.map((fn) => functionView(fn).Configuration),
    ...(last === undefined ? {} : { NextMarker: last }),
  }
}

/** @throws AwsError ResourceNotFoundException when the function keeps Lambda's defaults */
export function eventConfigView(fn: LambdaFunction) {
  if (fn.eventConfig === undefined) {
    const message = `The function ${fn.arn}:$LATEST doesn't have an EventInvokeConfig`
    throw new AwsError(404, 'ResourceNotFoundException', message)
  }
  return {
    FunctionArn: `${fn.arn}:$LATEST`,
    LastModified: fn.eventConfig.lastModifiedMs / 1000,
    MaximumRetryAttempts: fn.eventConfig.retries,
    MaximumEventAgeInSeconds: Math.ceil(fn.eventConfig.maximumEventAgeMs / 1000),
    DestinationConfig: {
      OnSuccess: {},
      OnFailure: fn.eventConfig.onFailure === undefined ? {} : { Destination: fn.eventConfig.onFailure },
    },
  }
}

/** Put replaces the whole configuration; update merges what is given. @throws AwsError InvalidParameterValueException */
export function putEventConfig(
  fn: LambdaFunction,
  content: Record<string, unknown>,
  { merge, nowMs }: { merge: boolean; nowMs: number },
): void {
  const before = merge ? fn.eventConfig : undefined
  const retries = within(content, 'MaximumRetryAttempts', [0, 2])
  const ageSeconds = within(content, 'MaximumEventAgeInSeconds', [60, DEFAULT_EVENT_AGE_MS / 1000])
  fn.eventConfig = {
    retries: retries ?? before?.retries ?? DEFAULT_RETRIES,
    maximumEventAgeMs:
      ageSeconds === undefined ? (before?.maximumEventAgeMs ?? DEFAULT_EVENT_AGE_MS) : ageSeconds * 1000,
    onFailure: content['DestinationConfig'] === undefined ? before?.onFailure : failureDestination(content),
    lastModifiedMs: nowMs,
  }
}

/** @throws AwsError InvalidParameterValueException for anything but a queue */
function failureDestination(content: Record<string, unknown>): string | undefined {
  const config = content['DestinationConfig'] as { OnFailure?: { Destination?: unknown } } | null
  const destination = config?.OnFailure?.Destination
  if (destination === undefined) return undefined
  if (typeof destination === 'string' && isQueueArn(destination)) return destination
  const message = `The provided destination config is invalid: ${JSON.stringify(destination)} is not the ARN of an SQS queue`
  throw new AwsError(400, 'InvalidParameterValueException', message)
}

export function deleteEventConfig(fn: LambdaFunction): void {
  fn.eventConfig = undefined
}

function within(
  content: Record<string, unknown>,
  field: string,
  [low, high]: readonly [number, number],
): number | undefined {
  const value = content[field]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value
  throw new AwsError(400, 'InvalidParameterValueException', `${field} must be an integer from ${low} to ${high}`)
}
