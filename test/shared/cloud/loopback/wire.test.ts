import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { localCloud } from '../../../../infra/local/cloud.ts'
import type { Faults } from '../../../../infra/local/faults/faults.ts'
import { bearerOf } from '../../../../shared/cloud/credentials.ts'
import { s3Client, s3ObjectStore, sqsClient, sqsQueue } from '../../../../shared/cloud/index.ts'
import { lightQueue } from '../../../../shared/cloud/loopback/lightQueue.ts'
import { lightStore } from '../../../../shared/cloud/loopback/lightStore.ts'
import { SDK_ONLY, Wire, wireTo } from '../../../../shared/cloud/loopback/wire.ts'
import { accessTo } from '../../../fakes/cloudAccess.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const close of closing.splice(0)) await close()
})

/** A server that does with the n-th request (from 0) what it is told. */
async function serverThat(answer: (socket: Socket, nth: number) => void): Promise<Wire> {
  let nth = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', () => answer(socket, nth++))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const wire = new Wire(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'Bearer x')
  closing.push(() => {
    wire.destroy()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return wire
}

const get = { method: 'GET', path: '/bucket/key' } as const
const text = (body: Uint8Array): string => Buffer.from(body).toString()

test('an answer is whole however it is cut on its way', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 11\r\n\r\nhello world'
  for (let at = 1; at < answer.length; at += 7) {
    const wire = await serverThat((socket) => {
      socket.setNoDelay(true)
      socket.write(answer.slice(0, at), () => setImmediate(() => socket.write(answer.slice(at))))
    })
    expect(text((await wire.ask(get)).body)).toBe('hello world')
  }
})

test('a request goes out again where the server had closed a kept connection, and only then', async () => {
  const seen: number[] = []
  const wire = await serverThat((socket, nth) => {
    seen.push(nth)
    if (nth === 1 || nth === 4) socket.destroy()
    else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx')
    if (nth === 3) socket.write('HTTP/1.1 200 OK\r\nContent-Le', () => socket.destroy()) // unasked: it tells nobody anything
  })
  await wire.ask(get)
  expect(text((await wire.ask(get)).body)).toBe('x')
  expect(seen).toEqual([0, 1, 2])
})

test('a connection that breaks fails the request with an error that may pass; so does one that breaks in the body', async () => {
  const [before, within] = await Promise.all([
    serverThat((socket) => socket.destroy()),
    serverThat((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx', () => socket.destroy())),
  ])
  const sdk = async () => s3ObjectStore(s3Client({ endpoint: 'http://127.0.0.1:1', region: 'us-east-1' }), 'bucket')
  for (const wire of [before, within])
    await expect(lightStore(wire, 'bucket', sdk).get('key')).rejects.toMatchObject({
      code: 'E_STORE',
      where: { mayPass: true },
    })
})

test('an answer without a length, or longer than it says, is refused', async () => {
  for (const answer of [
    'HTTP/1.1 200 OK\r\n\r\nx',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy',
    'no HTTP\r\n\r\n',
  ]) {
    const wire = await serverThat((socket) => socket.write(answer))
    await expect(wire.ask(get)).rejects.toThrow(/the answer is/)
  }
})

test('an abort ends a request that waits, and later ones are served', async () => {
  const wire = await serverThat((socket, nth) => {
    if (nth > 0) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
  })
  const abort = new AbortController()
  const waiting = wire.ask({ ...get, signal: abort.signal })
  setTimeout(() => abort.abort(), 20)
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  expect((await wire.ask(get)).status).toBe(204)
})

test('what the cloud refuses is told by its name, and may pass where the SDK says so', async () => {
  let faults: Faults | undefined
  const cloud = await localCloud({ faults: (request) => faults?.(request) })
  cloud.s3.createBucket('bucket')
  cloud.sqs.createQueue('queue')
  const wire = new Wire(cloud.endpoint, bearerOf(cloud.credentials))
  closing.push(
    () => wire.destroy(),
    () => cloud.close(),
  )
  const store = lightStore(wire, 'bucket', async () => s3ObjectStore(s3Client(accessTo(cloud)), 'bucket'))
  const queueUrl = `${cloud.endpoint}/000000000000/queue`
  const queue = lightQueue(wire, queueUrl, async () => sqsQueue(sqsClient(accessTo(cloud)), { queueUrl }))
  const calls = [() => store.get('key'), () => store.put('key', new Uint8Array(3)), () => queue.send('x')]
  for (const [status, code, mayPass] of [
    [503, 'SlowDown', true],
    [403, 'AccessDenied', undefined],
  ] as const) {
    faults = () => ({ refuse: { status, code } })
    for (const call of calls) {
      const error = await call().then(
        () => undefined,
        (cause: unknown) => cause,
      )
      expect(error).toMatchObject({ message: expect.stringContaining(`${code}, HTTP ${status}`), where: { status } })
      expect((error as { where: { mayPass?: boolean } }).where.mayPass).toBe(mayPass)
    }
  }
  faults = () => ({ drop: 'after' })
  for (const call of calls) await expect(call()).rejects.toMatchObject({ where: { mayPass: true } })
  const stranger = lightStore(new Wire(cloud.endpoint, 'Bearer wrong'), 'bucket', async () => store)
  faults = undefined
  await expect(stranger.get('key')).rejects.toMatchObject({ code: 'E_STORE', where: { status: 403 } })
  await expect(lightStore(wire, 'no-bucket', async () => store).get('key')).rejects.toThrow(/NoSuchBucket/)
})

test('only an emulated cloud on this machine is asked without the SDK', () => {
  const at = (endpoint: string, key: string) => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', endpoint)
    vi.stubEnv('AWS_ACCESS_KEY_ID', key)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret-of-sixteen-letters')
    return wireTo('S3') !== undefined
  }
  expect(at('http://127.0.0.1:4566', 'MILLRACEABC')).toBe(true)
  expect(at('http://127.0.0.1:4566', 'AKIAABC')).toBe(false)
  expect(at('https://127.0.0.1:4566', 'MILLRACEABC')).toBe(false)
  expect(at('http://192.168.0.7:4566', 'MILLRACEABC')).toBe(false)
  expect(at('', 'MILLRACEABC')).toBe(false)
  vi.stubEnv(SDK_ONLY, '1')
  expect(at('http://127.0.0.1:4566', 'MILLRACEABC')).toBe(false)
})
