import { connect } from 'node:net'

export interface RawRequest {
  /** `POST /path` */
  readonly line: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string
}

export interface RawAnswer {
  /** 0 where the connection was closed without an answer. */
  readonly status: number
  /** Head and body as they came. */
  readonly text: string
}

/** Sends bytes as any program can, and reads until the connection closes. A Content-Length is added where there is a body and none is given. */
export function rawRequest(endpoint: string, { line, headers = {}, body = '' }: RawRequest): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(endpoint)
  const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
  const all = { Host: host, Connection: 'close', ...length, ...headers }
  const head = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(Number(port), hostname, () => {
      socket.write([`${line} HTTP/1.1`, ...head, '', body].join('\r\n'))
    })
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    socket.on('error', () => {}) // a cut connection is an answer too
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text }))
  })
}
