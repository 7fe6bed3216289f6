// A Lambda runtime: asks the Runtime API for work, calls the handler, posts what it gave, and so on until it is killed.
// It is every cold start's first cost, so it imports nothing beyond node:* and two names. AWS's own runtime interface client takes its
// place without a change on the other side.
import { existsSync } from 'node:fs'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { format } from 'node:util'
import { SKEW_VARIABLE, TOKEN_HEADER, TOKEN_VARIABLE } from './lambda/runtimeToken.ts'

const bootMs = performance.now()
const variable = (name: string): string => process.env[name] ?? ''
const [hostname, port] = variable('AWS_LAMBDA_RUNTIME_API').split(':')
const token = variable(TOKEN_VARIABLE)
delete process.env[TOKEN_VARIABLE] // the handler has no use for it
skewClock(Number(variable(SKEW_VARIABLE)))
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let currentRequest: string | undefined

/** A fault on demand: this process has another wall clock than its machine. */
function skewClock(ms: number): void {
  delete process.env[SKEW_VARIABLE]
  if (ms === 0) return
  const trueDate = Date
  const now = () => trueDate.now() + ms
  globalThis.Date = new Proxy(trueDate, {
    construct: (target, given, self: typeof Date) =>
      Reflect.construct(target, given.length > 0 ? given : [now()], self) as Date,
    apply: () => new Date().toString(),
    get: (target, name, self: unknown) => (name === 'now' ? now : (Reflect.get(target, name, self) as unknown)),
  })
}

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Waits until all that was printed is out: it belongs to the log of the invocation that is about to be answered. */
async function flushed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve))
  }
}

/** One call of the Runtime API. Where nobody answers there is no platform any more, and this process must not outlive it. */
async function call(
  method: 'GET' | 'POST',
  path: string,
  content?: { json: string; headers?: Record<string, string> },
): Promise<Reply> {
  await flushed()
  const body = content === undefined ? undefined : Buffer.from(content.json)
  const ofBody = body && { 'content-type': 'application/json', 'content-length': body.length, ...content?.headers }
  const headers = { [TOKEN_HEADER]: token, ...ofBody }
  return await new Promise((resolve) => {
    const gone = () => process.exit(1)
    const options = { hostname, port, agent, method, path: `/2018-06-01/runtime/${path}`, headers }
    const sent = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', gone)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      )
    })
    sent.on('error', gone)
    sent.end(body)
  })
}

function errorJson(error: unknown, errorType?: string): string {
  if (!(error instanceof Error)) {
    return JSON.stringify({ errorType: errorType ?? typeof error, errorMessage: String(error), trace: [] })
  }
  const trace = (error.stack ?? '').split('\n')
  return JSON.stringify({ errorType: errorType ?? error.name, errorMessage: error.message, trace })
}

class RuntimeError extends Error {
  constructor(name: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = `Runtime.${name}`
  }
}

type Handler = (event: unknown, context: unknown) => unknown

async function loadHandler(): Promise<Handler> {
  const handler = variable('_HANDLER')
  const dot = handler.indexOf('.')
  if (dot < 1) throw new RuntimeError('MalformedHandlerName', 'Bad handler')
  const base = join(variable('LAMBDA_TASK_ROOT'), handler.slice(0, dot))
  const file = ['.js', '.mjs', '.cjs'].map((extension) => base + extension).find((path) => existsSync(path))
  if (file === undefined) throw new RuntimeError('ImportModuleError', `Error: Cannot find module '${base}'`)
  let module: Record<string, unknown>
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new RuntimeError('UserCodeSyntaxError', String(cause), { cause })
    if (cause instanceof Error && 'code' in cause && String(cause.code).endsWith('MODULE_NOT_FOUND')) {
      throw new RuntimeError('ImportModuleError', String(cause), { cause })
    }
    throw cause
  }
  const name = handler.slice(dot + 1)
  const found = module[name] ?? (module['default'] as Record<string, unknown> | undefined)?.[name]
  if (typeof found !== 'function') throw new RuntimeError('HandlerNotFound', `${handler} is undefined or not exported`)
  return found as Handler
}

function contextOf(headers: IncomingHttpHeaders): Record<string, unknown> {
  // Not by the wall clock, which may be set meanwhile, here or where the deadline comes from.
  const endsAt = performance.now() + Number(headers['lambda-runtime-remaining-ms'])
  const clientContext = headers['lambda-runtime-client-context']
  return {
    awsRequestId: currentRequest,
    callbackWaitsForEmptyEventLoop: true,
    functionName: variable('AWS_LAMBDA_FUNCTION_NAME'),
    functionVersion: variable('AWS_LAMBDA_FUNCTION_VERSION'),
    memoryLimitInMB: variable('AWS_LAMBDA_FUNCTION_MEMORY_SIZE'),
    logGroupName: variable('AWS_LAMBDA_LOG_GROUP_NAME'),
    logStreamName: variable('AWS_LAMBDA_LOG_STREAM_NAME'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    clientContext: typeof clientContext === 'string' ? JSON.parse(clientContext) : undefined,
    getRemainingTimeInMillis: () => Math.round(endsAt - performance.now()),
  }
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null'
  } catch {
    throw new RuntimeError('JSONStringifyError', 'Unable to stringify response body')
  }
}

async function handleOne(handler: Handler, next: Reply): Promise<void> {
  currentRequest = String(next.headers['lambda-runtime-aws-request-id'])
  const path = `invocation/${currentRequest}`
  let json: string
  try {
    json = toJson(await handler(JSON.parse(next.body), contextOf(next.headers)))
  } catch (error) {
    console.error('Invoke Error', errorJson(error))
    await call('POST', `${path}/error`, { json: errorJson(error) })
    return
  }
  const reply = await call('POST', `${path}/response`, { json })
  if (reply.status >= 400)
    console.error(`Failed to post handler success response. Http response code: ${reply.status}. ${reply.body}`)
}

/** What no handler caught ends the environment, as Node.js does; the invocation in hand learns why. */
function lastWords(
  event: 'uncaughtException' | 'unhandledRejection',
  exitCode: number,
  describe: (error: unknown) => string,
): void {
  process.on(event, (error: unknown) => {
    const json = describe(error)
    console.error(event === 'uncaughtException' ? 'Uncaught Exception' : 'Unhandled Promise Rejection', json)
    if (currentRequest === undefined) process.exit(exitCode)
    void call('POST', `invocation/${currentRequest}/error`, { json }).then(() => process.exit(exitCode))
  })
}

for (const level of ['log', 'trace', 'debug', 'info', 'warn', 'error'] as const) {
  const label = level === 'log' ? 'INFO' : level.toUpperCase()
  console[level] = (...parts: unknown[]) => {
    process.stdout.write(
      `${new Date().toISOString()}\t${currentRequest ?? 'undefined'}\t${label}\t${format(...parts)}\n`,
    )
  }
}
lastWords('uncaughtException', 129, (error) => errorJson(error))
lastWords('unhandledRejection', 128, (reason) =>
  errorJson(new RuntimeError('UnhandledPromiseRejection', String(reason), { cause: reason })),
)

let handler: Handler
try {
  handler = await loadHandler()
} catch (error) {
  const json = errorJson(error)
  const errorType = error instanceof Error ? error.name : typeof error
  console.error('Init Error', json)
  await call('POST', 'init/error', { json, headers: { 'lambda-runtime-function-error-type': errorType } })
  process.exit(1)
}

// The parts of the cold start ride on the first request, where another platform ignores them.
const loadedMs = performance.now()
let path = `invocation/next?bootMs=${bootMs.toFixed(2)}&loadMs=${(loadedMs - bootMs).toFixed(2)}`
for (;;) {
  const next = await call('GET', path)
  if (next.status !== 200) process.exit(1)
  path = 'invocation/next'
  await handleOne(handler, next)
  currentRequest = undefined
}
