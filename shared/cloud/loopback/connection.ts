import { type Socket, connect } from 'node:net'
import { BROKEN_OFF } from '../mayPass.ts'

export interface Answer {
  readonly status: number
  /** The status line and the headers as they came. */
  readonly head: string
  readonly body: Uint8Array
}

/** Of the buffer that all reads of a connection go through. */
const READ_BYTES = 256 * 1024
const MAX_HEAD_BYTES = 64 * 1024
const HEAD_END = '\r\n\r\n'

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/**
 * An HTTP/1.1 connection to a server of ours, for one request at a time: what Node's client does beside (agents, streams, header objects)
 * takes five times as long as the request. Answers must say their length.
 */
export class Connection {
  private readonly socket: Socket
  private waiting: Waiting | undefined
  private head: Buffer | undefined
  private status = 0
  private headText = ''
  private body: Uint8Array | undefined
  private filled = 0
  /** No further request can be made. */
  ended = false
  /** Did anything of the present answer come? */
  heard = false

  constructor({ host, port }: { readonly host: string; readonly port: number }) {
    const read = Buffer.allocUnsafeSlow(READ_BYTES)
    const take = (bytes: number): boolean => {
      this.take(read.subarray(0, bytes))
      return true
    }
    this.socket = connect({ host, port, noDelay: true, onread: { buffer: read, callback: take } })
    this.socket.on('error', (error) => this.end(error))
    this.socket.on('close', () =>
      this.end(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' })),
    )
  }

  /** @param head request line and headers, with the empty line; of ASCII @throws what the connection failed with */
  ask(head: string, body: Uint8Array | undefined): Promise<Answer> {
    this.heard = false
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      if (body === undefined) this.socket.write(head, 'latin1')
      else {
        this.socket.cork()
        this.socket.write(head, 'latin1')
        this.socket.write(body)
        this.socket.uncork()
      }
    })
  }

  destroy(why?: Error): void {
    if (why) this.end(why)
    this.ended = true
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    this.heard = true
    const rest = this.body === undefined ? this.takeHead(chunk) : chunk
    if (rest === undefined || this.body === undefined) return
    if (this.filled + rest.length > this.body.length) return this.fail('the answer is longer than it says')
    this.body.set(rest, this.filled)
    this.filled += rest.length
    if (this.filled < this.body.length) return
    const answer = { status: this.status, head: this.headText, body: this.body }
    const { waiting } = this
    this.body = undefined
    this.waiting = undefined
    if (headerOf(answer, 'connection') === 'close') this.destroy()
    waiting?.resolve(answer)
  }

  /** @returns what of the chunk belongs to the body; undefined while the head is not complete */
  private takeHead(chunk: Buffer): Buffer | undefined {
    const all = this.head === undefined ? chunk : Buffer.concat([this.head, chunk])
    const end = all.indexOf(HEAD_END, 0, 'latin1')
    if (end < 0) {
      if (all.length > MAX_HEAD_BYTES) this.fail('the answer has too long a head')
      else this.head = Buffer.from(all)
      return undefined
    }
    this.head = undefined
    this.headText = all.toString('latin1', 0, end + 2)
    this.status = Number(/^HTTP\/1\.1 (\d{3})/.exec(this.headText)?.[1] ?? 0)
    const length = headerOf({ head: this.headText }, 'content-length')
    const isBare = this.status === 204 || this.status === 304
    if (this.status < 200 || (length === undefined && !isBare)) {
      this.fail('the answer is not one of an emulated cloud')
      return undefined
    }
    this.body = new Uint8Array(isBare ? 0 : Number(length))
    this.filled = 0
    return all.subarray(end + HEAD_END.length)
  }

  private fail(why: string): void {
    this.end(Object.assign(new Error(why), { name: BROKEN_OFF }))
    this.socket.destroy()
  }

  private end(error: Error): void {
    this.ended = true
    const { waiting } = this
    this.waiting = undefined
    waiting?.reject(error)
  }
}

/** @param name in lower case */
export function headerOf({ head }: Pick<Answer, 'head'>, name: string): string | undefined {
  return new RegExp(`\r\n${name}: *([^\r\n]*)`, 'i').exec(head)?.[1]
}
