import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'
import { AwsError } from './awsError.ts'
import { drain, strangerAt, turnAway } from './door/door.ts'
import type { Faults } from './faults/faults.ts'
import type { AnyFront } from './front.ts'
import type { Guard } from './door/guard.ts'
import { HungUp, checkLength, isBounded } from './http.ts'

/** Clients keep their connections for as long as a run has a pause in it. */
const KEEP_ALIVE_MS = 600_000
/** A large body leaves in one write instead of waiting for the socket to drain in between. */
const SOCKET_BUFFER_BYTES = 1024 * 1024
/** A request that takes longer to come in holds its connection for nothing. What a service takes to answer is not in it. */
const REQUEST_MS = 120_000
const HEADERS_MS = 30_000
/** How often that is looked at. */
const LOOK_MS = 10_000

export interface ServerOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly clock: Clock
  readonly faults?: Faults | undefined
  /** Asked for every request, after it is known to be no web page's and before anything of it is read. */
  readonly guard: Guard
  /** For tests: how long a whole request may take to come in. */
  readonly requestMs?: number
}

/** Which service a request is for. */
export type Pick = (request: IncomingMessage) => AnyFront

/** One HTTP server before all services. @throws MillraceError E_PORT when the port is taken */
export async function startServer(
  pick: Pick,
  options: ServerOptions,
): Promise<{ endpoint: string; close(): Promise<void> }> {
  const closing = new AbortController()
  const server = createServer(
    {
      noDelay: true,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: options.requestMs ?? REQUEST_MS,
      headersTimeout: Math.min(HEADERS_MS, options.requestMs ?? REQUEST_MS),
      connectionsCheckingInterval: Math.min(LOOK_MS, options.requestMs ?? LOOK_MS),
      highWaterMark: SOCKET_BUFFER_BYTES,
    },
    (request, response) => {
      const stranger = strangerAt(request, options.host)
      if (stranger !== undefined) turnAway(stranger, request, response)
      else void answer(pick(request), { request, response, options, closing: closing.signal })
    },
  )
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    endpoint: `http://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        closing.abort()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly options: ServerOptions
  readonly closing: AbortSignal
}

/** Every request of every service passes here, and a fault strikes here or nowhere. It never rejects. */
async function answer(front: AnyFront, { request, response, options, closing }: Exchange): Promise<void> {
  // What still comes in once such a request is answered might never end.
  if (!isBounded(request, front.maxBodyBytes)) response.once('finish', () => drain(request))
  try {
    const checked = options.guard(request, front)
    if (checked !== undefined) await checked
    checkLength(request, front.maxBodyBytes)
    const routed = front.route(request)
    const call = routed instanceof Promise ? await routed : routed
    const fault = options.faults?.({
      service: front.service(call),
      operation: call.operation,
      resource: front.resource(call),
    })
    if (fault?.delayMs !== undefined) await options.clock.sleep(fault.delayMs, closing)
    if (fault?.refuse !== undefined) {
      const { status, code, message } = fault.refuse
      throw new AwsError(status, code, message ?? 'A fault on demand.')
    }
    if (fault?.drop === 'before') throw new HungUp('a fault on demand')
    if (fault?.drop === 'after') loseAnswer(response)
    await front.serve(call, request, response)
  } catch (error) {
    if (error instanceof HungUp || response.headersSent) response.destroy()
    else {
      request.resume()
      front.refuse(error instanceof AwsError ? error : internalError(error), request, response)
    }
  }
}

/** Whatever is answered breaks the connection instead. */
function loseAnswer(response: ServerResponse): void {
  response.writeHead = () => response
  response.end = () => response.destroy()
}

function internalError(error: unknown): AwsError {
  return new AwsError(500, 'InternalError', error instanceof Error ? (error.stack ?? error.message) : String(error))
}

function listen(server: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const inUse = cause.code === 'EADDRINUSE'
      const why = inUse ? 'is already in use' : `cannot be listened on (${cause.message})`
      reject(
        new MillraceError(
          'E_PORT',
          `port ${port} on ${host} ${why}; name another one, or 0 for any`,
          { port },
          { cause },
        ),
      )
    })
    server.listen(port, host, () => resolve())
  })
}
