import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { isLoopbackName } from '../../../shared/cloud/endpoints.ts'

/**
 * Why a request is refused before anything of it is read; undefined for a request that may be from a program of this machine.
 *
 * A browser sends requests to 127.0.0.1 for any page that asks it to. It marks them: with `Origin` or `Sec-Fetch-Site`, which no page can
 * take away and no AWS client sends, and with its own name. A page whose own name leads to 127.0.0.1 (DNS rebinding) is marked by `Host`.
 *
 * @param host what the server listens on. Where that is not loopback, the machine may also be called by an address or by this name
 */
export function strangerAt(request: IncomingMessage, host: string): string | undefined {
  const { headers } = request
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
    return 'it is from a web page (it has an Origin or a Sec-Fetch-Site header)'
  if (headers['user-agent']?.startsWith('Mozilla/')) return 'it is from a web browser'
  const named = headers.host ?? ''
  return isOwnName(named, host) ? undefined : `its Host is ${JSON.stringify(named.slice(0, 100))}, and not this machine`
}

function isOwnName(named: string, host: string): boolean {
  const name = /^(.+?)(:\d{1,5})?$/.exec(named)?.[1] ?? ''
  if (isLoopbackName(name)) return true
  return !isLoopbackName(bracketed(host)) && (name === host || isIP(name.replace(/^\[|\]$/g, '')) !== 0)
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** Answers 403 in words that no service's protocol is needed for, and hangs up: whoever asks is no client of it. */
export function turnAway(why: string, request: IncomingMessage, response: ServerResponse): void {
  const text = `The emulated cloud serves programs of this machine only. This request was refused: ${why}.\n`
  response.setHeader('connection', 'close')
  response.writeHead(403, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) }).end(text)
  drain(request)
}

/** A caller that still sends gets this long to read its answer. */
const DRAIN_MS = 400

/** Throws away what a refused caller still sends, for a moment, so that it finds its answer; then the connection is cut. */
export function drain(request: IncomingMessage): void {
  if (request.complete) return
  request.resume()
  const { socket } = request
  const timer = setTimeout(() => socket.destroy(), DRAIN_MS).unref()
  request.once('close', () => clearTimeout(timer))
}
