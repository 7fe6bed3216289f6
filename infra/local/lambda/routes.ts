import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { AwsError } from '../awsError.ts'
import { header, readBody } from '../http.ts'
import { deleteEventConfig, eventConfigView, functionView, listView, putEventConfig } from './config.ts'
import type { EventQueue } from './events.ts'
import { type LambdaFunction, findFunction } from './function.ts'
import type { Attempt, Execution, FunctionInvoker } from './invoke.ts'
import type { ConcurrencyLimits } from './limits.ts'

const MAX_SYNC_PAYLOAD_BYTES = 6 * 1024 * 1024
const MAX_EVENT_PAYLOAD_BYTES = 1024 * 1024

/** An answer on its way to the wire: an object becomes JSON, a Buffer goes as it is. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | object
}

export interface RouteContext {
  readonly functions: ReadonlyMap<string, LambdaFunction>
  readonly limits: ConcurrencyLimits
  readonly invoker: FunctionInvoker
  readonly events: EventQueue
  readonly now: () => number
}

/** The part of the Lambda API that exists here: `/{api version}/functions[/{name}[/{what}]]` and account-settings. @throws AwsError */
export async function route(context: RouteContext, request: IncomingMessage, url: URL): Promise<Answer> {
  if (ACCOUNT_SETTINGS.test(url.pathname)) return { status: 200, body: accountView(context) }
  const [, reference, what = ''] =
    /^\/\d{4}-\d\d-\d\d\/functions(?:\/([^/]+)(?:\/([\w-]+))?)?\/?$/.exec(url.pathname) ?? []
  if (reference === undefined) return { status: 200, body: listView([...context.functions.values()], url.searchParams) }
  const fn = findFunction(context.functions, decoded(reference), url.searchParams.get('Qualifier'))
  switch (`${request.method} ${what}`) {
    case 'POST invocations':
      return await invoke(context, fn, request)
    case 'GET ':
      return { status: 200, body: functionView(fn) }
    case 'GET configuration':
      return { status: 200, body: functionView(fn).Configuration }
    case 'GET concurrency':
      return { status: 200, body: { ReservedConcurrentExecutions: fn.reservedConcurrency } }
    case 'PUT concurrency': {
      const concurrency = integer(await json(request), 'ReservedConcurrentExecutions')
      context.limits.reserve(fn, concurrency)
      return { status: 200, body: { ReservedConcurrentExecutions: concurrency } }
    }
    case 'DELETE concurrency':
      fn.reservedConcurrency = undefined
      return { status: 204 }
    case 'GET event-invoke-config':
      return { status: 200, body: eventConfigView(fn) }
    case 'PUT event-invoke-config':
    case 'POST event-invoke-config':
      putEventConfig(fn, await json(request), { merge: request.method === 'POST', nowMs: context.now() })
      return { status: 200, body: eventConfigView(fn) }
    case 'DELETE event-invoke-config':
      deleteEventConfig(fn)
      return { status: 204 }
    default:
      throw new AwsError(
        404,
        'UnknownOperationException',
        `The emulated Lambda does not have ${request.method} ${url.pathname}`,
      )
  }
}

/** @throws AwsError */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new AwsError(400, 'InvalidRequestContentException', `The path is not URL-encoded: ${text.slice(0, 100)}`)
  }
}

const ACCOUNT_SETTINGS = /^\/\d{4}-\d\d-\d\d\/account-settings\/?$/

/** What GetAccountSettings answers; sizes in bytes are AWS's own. */
function accountView({ functions, limits }: RouteContext): object {
  return {
    AccountLimit: {
      TotalCodeSize: 80_530_636_800,
      CodeSizeUnzipped: 262_144_000,
      CodeSizeZipped: 52_428_800,
      ConcurrentExecutions: limits.account,
      UnreservedConcurrentExecutions: limits.unreserved(),
    },
    AccountUsage: { TotalCodeSize: 0, FunctionCount: functions.size },
  }
}

async function invoke(context: RouteContext, fn: LambdaFunction, request: IncomingMessage): Promise<Answer> {
  const requestId = randomUUID()
  const type = header(request, 'x-amz-invocation-type') ?? 'RequestResponse'
  const body = await readBody(request)
  if (type === 'DryRun') return { status: 204, headers: ids(requestId) }
  if (type !== 'RequestResponse' && type !== 'Event') {
    throw new AwsError(400, 'InvalidParameterValueException', `Unknown invocation type ${type}`)
  }
  checkPayload(body, type)
  const clientContext = header(request, 'x-amz-client-context')
  const attempt: Attempt = {
    fn,
    requestId,
    invocationType: type,
    attempt: 0,
    payload: body.length === 0 ? Buffer.from('{}') : body,
    clientContext: clientContext === undefined ? undefined : contextOf(clientContext),
  }
  const fault = context.invoker.fault(attempt)
  if (type === 'Event') {
    context.events.accept(attempt, fault)
    return { status: 202, headers: ids(requestId) }
  }
  return executed(await context.invoker.run(attempt, fault), header(request, 'x-amz-log-type') === 'Tail')
}

function executed({ outcome, report, logBase64 }: Execution, withLog: boolean): Answer {
  const headers: Record<string, string> = { ...ids(report.requestId), 'x-amz-executed-version': '$LATEST' }
  if (outcome.status !== 'ok') headers['x-amz-function-error'] = 'Unhandled'
  if (withLog) headers['x-amz-log-result'] = logBase64
  return { status: 200, headers, body: outcome.body }
}

function checkPayload(body: Buffer, type: 'RequestResponse' | 'Event'): void {
  if (type === 'Event' && body.length > MAX_EVENT_PAYLOAD_BYTES) {
    const message = `${body.length} byte payload is too large for the Event invocation type (limit ${MAX_EVENT_PAYLOAD_BYTES} bytes)`
    throw new AwsError(413, 'RequestTooLargeException', message)
  }
  if (body.length > MAX_SYNC_PAYLOAD_BYTES) {
    const message = `Request must be smaller than ${MAX_SYNC_PAYLOAD_BYTES} bytes for the InvokeFunction operation`
    throw new AwsError(413, 'RequestTooLargeException', message)
  }
  if (body.length === 0) return
  try {
    JSON.parse(body.toString())
  } catch (error) {
    const message = `Could not parse request body into json: ${error instanceof Error ? error.message : String(error)}`
    throw new AwsError(400, 'InvalidRequestContentException', message)
  }
}

/** A caller's context on its way to a header of the Runtime API: JSON whose every character may be in one. @throws AwsError */
function contextOf(base64: string): string {
  try {
    const text = JSON.stringify(JSON.parse(Buffer.from(base64, 'base64').toString()))
    return text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  } catch {
    throw new AwsError(400, 'InvalidRequestContentException', 'The client context is not JSON in base64')
  }
}

const ids = (requestId: string) => ({ 'x-amzn-requestid': requestId })

async function json(request: IncomingMessage): Promise<Record<string, unknown>> {
  const body = await readBody(request)
  try {
    const content: unknown = JSON.parse(body.toString())
    if (typeof content === 'object' && content !== null) return content as Record<string, unknown>
  } catch {
    // answered below, like JSON that is no object
  }
  throw new AwsError(400, 'InvalidRequestContentException', 'Could not parse request body into json')
}

function integer(content: Record<string, unknown>, field: string): number {
  const value = content[field]
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
  throw new AwsError(400, 'InvalidParameterValueException', `${field} must be an integer of at least 0`)
}
