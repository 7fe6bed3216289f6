import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { timingSafeEqual } from 'node:crypto'
import { AwsError } from '../awsError.ts'
import { drain, strangerAt, turnAway } from '../door/door.ts'
import { header, readBody } from '../http.ts'
import { TOKEN_HEADER } from './runtimeToken.ts'

/** Lambda's limit of a response: 6 MB and a little for its envelope. */
export const MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100

/** A response that is too large is read to here, so that the runtime hears of it; past it the connection is cut. */
const MAX_READ_BYTES = 32 * 1024 * 1024

/** ms that a runtime's start took; undefined where it does not say. */
export type StartParts = { readonly bootMs: number; readonly loadMs: number } | undefined

/** What a runtime is given to work on. */
export interface RuntimeInvocation {
  readonly requestId: string
  readonly functionArn: string
  /** ms since the epoch. */
  readonly deadlineMs: number
  readonly timeoutMs: number
  readonly payload: Buffer
  /** JSON, from the caller's `x-amz-client-context`. */
  readonly clientContext: string | undefined
}

/** The platform's side of one execution environment. */
export interface RuntimeHost {
  /** The runtime has nothing to do. `parts` are what it says its start was made of (ms); AWS's own client says nothing. */
  onNext(deliver: (invocation: RuntimeInvocation) => void, parts: StartParts): void
  /** @returns false when this is not the request in hand */
  onResponse(requestId: string, body: Buffer): boolean
  /** @returns false when this is not the request in hand */
  onError(requestId: string, body: Buffer): boolean
  onInitError(body: Buffer): void
}

/**
 * The Runtime API (2018-06-01) of one execution environment, on a loopback port of its own: AWS_LAMBDA_RUNTIME_API has no
 * room for a path, so the port is what tells environments apart. No web page may ask it, and nobody without the token.
 *
 * @param token what requests have to say in a header of Millrace's own; undefined for a runtime that cannot
 */
export async function serveRuntimeApi(
  host: RuntimeHost,
  token: string | undefined,
): Promise<{ address: string; close: () => void }> {
  const server = createServer((request, response) => {
    const stranger = strangerAt(request, '127.0.0.1') ?? tokenProblem(request, token)
    if (stranger !== undefined) return turnAway(stranger, request, response)
    answer(host, request, response).catch(() => {
      response.destroy()
      request.socket.destroy()
    })
  })
  server.keepAliveTimeout = 0 // a handler may work for minutes between two requests
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

async function answer(host: RuntimeHost, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://runtime')
  const [, action = '', requestId = '', kind = ''] =
    /^\/2018-06-01\/runtime\/(invocation|init)\/([^/]+)(?:\/(\w+))?$/.exec(url.pathname) ?? []
  if (request.method === 'GET' && action === 'invocation' && requestId === 'next') {
    return host.onNext((invocation) => deliver(response, invocation), startParts(url))
  }
  const id = decoded(requestId)
  const body = await bodyOrTooLarge(request, response)
  if (action === 'init' && requestId === 'error') {
    host.onInitError(body)
    return reply(response, 202, { status: 'OK' })
  }
  if (kind === 'response') {
    if (!host.onResponse(id, body)) return refuse(response, 400, 'InvalidRequestID', 'Invalid request ID')
    if (body.length <= MAX_RESPONSE_BYTES) return reply(response, 202, { status: 'OK' })
    const limit = `Exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`
    return refuse(response, 413, 'RequestEntityTooLarge', limit)
  }
  if (kind === 'error') {
    if (!host.onError(id, body)) return refuse(response, 400, 'InvalidRequestID', 'Invalid request ID')
    return reply(response, 202, { status: 'OK' })
  }
  return refuse(response, 404, 'NotFound', `no such call: ${header(request, 'host')}${url.pathname}`)
}

function tokenProblem(request: IncomingMessage, token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  const [given, wanted] = [Buffer.from(header(request, TOKEN_HEADER) ?? ''), Buffer.from(token)]
  const same = given.length === wanted.length && timingSafeEqual(given, wanted)
  return same ? undefined : 'it is not from the runtime of this environment'
}

/** What cannot be read whole counts as a response of one byte too many. */
async function bodyOrTooLarge(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
  try {
    return await readBody(request, MAX_READ_BYTES)
  } catch (error) {
    if (!(error instanceof AwsError)) throw error
    response.setHeader('connection', 'close')
    drain(request)
    return Buffer.alloc(MAX_RESPONSE_BYTES + 1)
  }
}

function decoded(requestId: string): string {
  try {
    return decodeURIComponent(requestId)
  } catch {
    return '' // no request has this id
  }
}

function startParts(url: URL): StartParts {
  const bootMs = Number(url.searchParams.get('bootMs') ?? Number.NaN)
  const loadMs = Number(url.searchParams.get('loadMs') ?? Number.NaN)
  return Number.isFinite(bootMs) && Number.isFinite(loadMs) ? { bootMs, loadMs } : undefined
}

function deliver(response: ServerResponse, invocation: RuntimeInvocation): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': invocation.payload.length,
    'lambda-runtime-aws-request-id': invocation.requestId,
    'lambda-runtime-deadline-ms': Math.round(invocation.deadlineMs),
    // Lambda has no such header; its own clients make this of the deadline.
    'lambda-runtime-remaining-ms': invocation.timeoutMs,
    'lambda-runtime-invoked-function-arn': invocation.functionArn,
    ...(invocation.clientContext === undefined ? {} : { 'lambda-runtime-client-context': invocation.clientContext }),
  })
  response.end(invocation.payload)
}

function refuse(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  reply(response, status, { errorMessage, errorType })
}

function reply(response: ServerResponse, status: number, content: unknown): void {
  const body = JSON.stringify(content)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
