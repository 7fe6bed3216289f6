import { setMaxListeners } from 'node:events'
import { existsSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Credentials } from '../../../shared/cloud/credentials.ts'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { AwsError } from '../awsError.ts'
import { newCredentials } from '../door/guard.ts'
import { HungUp } from '../http.ts'
import { backgroundClock, steadyClock } from '../../../shared/cloud/clock.ts'
import type { OutputStream } from './environment.ts'
import { type DroppedEvent, EventQueue } from './events.ts'
import { type FunctionOptions, type LambdaFunction, declareFunction, findFunction } from './function.ts'
import { type Fault, type FaultPoint, FunctionInvoker } from './invoke.ts'
import { ConcurrencyLimits } from './limits.ts'
import { EnvironmentPool } from './pool.ts'
import { type Answer, route } from './routes.ts'
import { type InvocationReport, type Usage, UsageCounter } from './usage.ts'
import { packageRoot } from '../packageRoot.ts'
import type { Service } from '../service.ts'

/** One piece of what a function wrote to stdout or stderr, and the platform's lines around it. */
export interface LogEvent {
  readonly functionName: string
  readonly environmentId: string
  /** The environment's log stream, as Lambda names it. */
  readonly logStream: string
  /** Undefined while no invocation ran in the environment yet. */
  readonly requestId: string | undefined
  readonly text: string
}

/** One piece of what a function's process wrote, without the platform's lines. */
export interface OutputEvent {
  readonly environmentId: string
  readonly stream: OutputStream
  readonly chunk: Buffer
  /** What the newest invocation in the environment was given; undefined before the first. */
  readonly payload: Buffer | undefined
}

export interface LambdaOptions {
  readonly region?: string
  /** What functions have in their environment, as on AWS; a pair that opens nothing unless told. */
  readonly credentials?: Credentials
  /** The runtime run in every environment, a file for `node`; Millrace's own unless told. AWS's runtime interface client works too. */
  readonly bootstrap?: string
  /** The bootstrap is not Millrace's own, so no token is asked of it. */
  readonly foreignRuntime?: boolean
  /** The `node` that runs it: of another version than this process, where a function's own runtime matters. */
  readonly node?: string
  /** Concurrent invocations of the account, 1,000 on AWS. */
  readonly accountConcurrency?: number
  /** What reservations over the API must leave unreserved, 100 on AWS. */
  readonly unreservedMinimum?: number
  /** Processes at once, idle ones included; past it invocations are throttled. 128 unless told: a laptop is not a region. */
  readonly maxProcesses?: number
  /** Idle environments end after this long; 5 minutes unless told. */
  readonly idleMs?: number
  /** Lambda allows 10 s. */
  readonly initTimeoutMs?: number
  /** Time for retries, event age, idle environments and delays; time-outs of handlers run on the machine's own. */
  readonly clock?: Clock
  readonly onLog?: (event: LogEvent) => void
  readonly onOutput?: (event: OutputEvent) => void
  /** Every execution, once it ended: what a cost ledger adds up. */
  readonly onInvocation?: (report: InvocationReport) => void
  /** Every asynchronous event that failed for good. */
  readonly onEventDropped?: (event: DroppedEvent) => void
  /** Takes the record of an asynchronous event that failed for good to its destination, the ARN of a queue. */
  readonly deliver?: (destinationArn: string, record: string) => void
  /** Faults on demand, asked once for every attempt. */
  readonly faults?: (point: FaultPoint) => Fault | undefined
  /** Asked for every environment: by how much its wall clock is to be wrong, ms. */
  readonly clockSkewMs?: () => number
}

export interface LambdaService {
  readonly handle: Service
  /** Declares a function, or replaces one of the same name. @throws MillraceError E_FUNCTION */
  create(options: FunctionOptions): void
  /** Sets a function's reserved concurrency, as the API does. @throws AwsError */
  reserve(functionName: string, concurrency: number): void
  /** What a function used so far, or all together. */
  usage(functionName?: string): Readonly<Usage>
  /** Functions without a reservation that can run at once, by its limits. */
  readonly concurrency: number
  /** Processes now, idle ones included. */
  readonly environments: number
  /** Asynchronous events that were accepted and are not done. */
  readonly pendingEvents: number
  /** Ends every environment, SIGTERM first; resolves when no process is left. */
  close(): Promise<void>
}

/** True for a path of the Lambda API, with or without a query: `/2015-03-31/functions/…`, its other versions, and account-settings. */
export const isLambdaPath = (path: string): boolean =>
  /^\/\d{4}-\d\d-\d\d\/(functions|account-settings)([/?]|$)/.test(path)

/** How long an environment has between SIGTERM and SIGKILL when the emulation closes. */
const CLOSE_GRACE_MS = 300

/**
 * AWS Lambda's data plane on this machine: real processes that speak the Runtime API, with Lambda's limits, errors, retries and
 * billing. A function gets the machine's full speed whatever its memory; Lambda gives it a share of a CPU.
 *
 * @throws MillraceError E_FUNCTION when the runtime's file is missing
 */
export function lambdaService(options: LambdaOptions = {}): LambdaService {
  const bootstrap = options.bootstrap ?? join(packageRoot(), 'dist/infra/local/bootstrap.mjs')
  if (!existsSync(bootstrap)) {
    throw new MillraceError(
      'E_FUNCTION',
      `the runtime of emulated functions is missing: ${bootstrap} (npm run bundle makes it)`,
    )
  }
  const { region = 'us-east-1', onLog, onOutput } = options
  const clock = steadyClock(options.clock ?? backgroundClock)
  const functions = new Map<string, LambdaFunction>()
  const close = new AbortController()
  setMaxListeners(0, close.signal) // one listener an event that waits, and thousands may
  const usage = new UsageCounter()
  const limits = new ConcurrencyLimits(
    { accountConcurrency: options.accountConcurrency ?? 1000, unreservedMinimum: options.unreservedMinimum ?? 100 },
    functions,
  )
  const pool = new EnvironmentPool({
    bootstrap,
    foreignRuntime: options.foreignRuntime ?? false,
    node: options.node ?? process.execPath,
    initTimeoutMs: options.initTimeoutMs ?? 10_000,
    credentials: options.credentials ?? newCredentials(),
    maxProcesses: options.maxProcesses ?? 128,
    idleMs: options.idleMs ?? 300_000,
    clockSkewMs: options.clockSkewMs,
    clock,
    closing: close.signal,
    onLog:
      onLog &&
      ((chunk, { fn, id, logStream, requestId }) =>
        onLog({ functionName: fn.name, environmentId: id, logStream, requestId, text: chunk.toString() })),
    onOutput: onOutput && ((chunk, stream, { id, payload }) => onOutput({ environmentId: id, stream, chunk, payload })),
  })
  const { faults, onInvocation } = options
  const shared = { usage, clock, closing: close.signal }
  const invoker = new FunctionInvoker({ ...shared, pool, limits, faults, onInvocation })
  const events = new EventQueue({ ...shared, invoker, deliver: options.deliver, onDropped: options.onEventDropped })
  const context = { functions, limits, invoker, events, now: () => clock.now() }

  return {
    handle: async (request, response, url) => {
      try {
        send(response, await route(context, request, url))
      } catch (error) {
        if (error instanceof HungUp) response.destroy()
        else send(response, failure(error))
      }
    },
    create: (declared) => void functions.set(declared.name, declareFunction(declared, region, clock.now())),
    reserve: (functionName, concurrency) => limits.reserve(findFunction(functions, functionName), concurrency),
    usage: (functionName) => usage.read(functionName),
    get concurrency() {
      return Math.min(limits.unreserved(), pool.most)
    },
    get environments() {
      return pool.size
    },
    get pendingEvents() {
      return events.size
    },
    close: async () => {
      close.abort()
      await pool.close(CLOSE_GRACE_MS)
      await events.settled()
    },
  }
}

function send(response: ServerResponse, answer: Answer): void {
  const body =
    answer.body === undefined || Buffer.isBuffer(answer.body) ? answer.body : Buffer.from(JSON.stringify(answer.body))
  const content =
    answer.status === 204 ? {} : { 'content-type': 'application/json', 'content-length': body?.length ?? 0 }
  response.writeHead(answer.status, { ...content, ...answer.headers })
  response.end(body)
}

/** Lambda's errors carry their name in a header, and their sentence under either spelling of `message`. */
function failure(error: unknown): Answer {
  const known =
    error instanceof AwsError
      ? error
      : new AwsError(500, 'ServiceException', error instanceof Error ? error.message : String(error))
  return {
    status: known.status,
    headers: { 'x-amzn-errortype': known.code },
    body: {
      Type: known.status < 500 ? 'User' : 'Service',
      Message: known.message,
      message: known.message,
      ...known.details,
    },
  }
}
