import { bearerOf, environmentCredentials, isEmulatedKey } from '../credentials.ts'
import { type AwsOptions, placeOf } from '../endpoints.ts'
import { type Answer, Connection } from './connection.ts'

/** A function's variable: set, it makes every call through the SDK, as on AWS. For a cloud with faults, which the SDK is to meet. */
export const SDK_ONLY = 'MILLRACE_SDK_ONLY'

export interface WireRequest {
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  /** Lines of `name: value`, each with its CRLF. */
  readonly headers?: string
  readonly body?: Uint8Array
  readonly signal?: AbortSignal | undefined
}

/** Requests to an emulated cloud of Millrace on this machine, in AWS's wire formats, over connections that are kept. */
export class Wire {
  private readonly address: { readonly host: string; readonly port: number }
  private readonly headers: string
  private readonly idle: Connection[] = []
  private readonly busy = new Set<Connection>()

  constructor(endpoint: string, authorization: string) {
    const { hostname, port, host } = new URL(endpoint)
    this.address = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) }
    this.headers = `host: ${host}\r\nauthorization: ${authorization}\r\n`
  }

  /** @throws what the connection failed with, or an AbortError */
  async ask({ method, path, headers = '', body, signal }: WireRequest): Promise<Answer> {
    const length = body === undefined ? '' : `content-length: ${body.length}\r\n`
    const head = `${method} ${path} HTTP/1.1\r\n${this.headers}${headers}${length}\r\n`
    for (;;) {
      signal?.throwIfAborted()
      const kept = this.kept()
      const connection = kept ?? new Connection(this.address)
      const stop = () => connection.destroy(new DOMException('the request was aborted', 'AbortError'))
      signal?.addEventListener('abort', stop, { once: true })
      this.busy.add(connection)
      try {
        return await connection.ask(head, body)
      } catch (error) {
        // The server had closed a connection that nobody used: the request has not been looked at.
        if (kept === undefined || connection.heard || signal?.aborted) throw error
      } finally {
        signal?.removeEventListener('abort', stop)
        this.busy.delete(connection)
        if (!connection.ended) this.idle.push(connection)
      }
    }
  }

  destroy(): void {
    for (const connection of [...this.idle.splice(0), ...this.busy]) connection.destroy()
  }

  private kept(): Connection | undefined {
    for (let last = this.idle.pop(); last; last = this.idle.pop()) if (!last.ended) return last
    return undefined
  }
}

/** For a service that an emulated cloud of Millrace serves on this machine, whose key is in AWS's variables; undefined for any other. */
export function wireTo(service: 'S3' | 'SQS', options: AwsOptions = {}): Wire | undefined {
  const { endpoint, local } = placeOf(service, options)
  const credentials = environmentCredentials()
  if (!local || !endpoint?.startsWith('http:') || process.env[SDK_ONLY] !== undefined) return undefined
  if (credentials === undefined || !isEmulatedKey(credentials.accessKeyId)) return undefined
  return new Wire(endpoint, bearerOf(credentials))
}
