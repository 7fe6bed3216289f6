import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { localCloud, type LocalCloud } from '../../../infra/local/cloud.ts'
import { decodeAwsChunked } from '../../../infra/local/s3/checksum.ts'
import { startServer } from '../../../infra/local/server.ts'
import { s3Front } from '../../../infra/local/s3/http.ts'
import { serveRuntimeApi } from '../../../infra/local/lambda/runtimeApi.ts'
import { S3 } from '../../../infra/local/s3/s3.ts'
import { bearerOf } from '../../../shared/cloud/credentials.ts'
import { systemClock } from '../../../shared/cloud/clock.ts'
import { type RawRequest, rawRequest } from './rawRequest.ts'

// A length that comes from outside takes no memory before it is known to be allowed, and time is not given away either.

let cloud: LocalCloud
beforeAll(async () => {
  cloud = await localCloud({ control: true, lambda: { bootstrap: import.meta.filename } })
  cloud.s3.createBucket('bucket')
  cloud.sqs.createQueue('queue')
  cloud.lambda.create({
    name: 'f',
    file: import.meta.filename.replace('.ts', '.mjs').replace('limits.test', 'none'),
    memoryMb: 128,
    timeoutMs: 1000,
  })
})
afterAll(() => cloud.close())
afterEach(() => vi.restoreAllMocks())

/** One request with a body to every service. */
const UPLOADS: readonly [service: string, request: RawRequest][] = [
  ['S3', { line: 'PUT /bucket/key' }],
  ['S3 (delete many)', { line: 'POST /bucket?delete' }],
  ['S3 (a part)', { line: 'PUT /bucket/key?uploadId=none&partNumber=1' }],
  ['SQS', { line: 'POST /', headers: { 'X-Amz-Target': 'AmazonSQS.SendMessage' } }],
  ['Lambda', { line: 'POST /2015-03-31/functions/f/invocations' }],
  ['Lambda (concurrency)', { line: 'PUT /2017-10-31/functions/f/concurrency' }],
  ['SSM', { line: 'POST /', headers: { 'X-Amz-Target': 'AmazonSSM.GetParameter' } }],
  ['STS', { line: 'POST /', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }],
  ['Scheduler', { line: 'POST /schedules/s' }],
]
const opened = (request: RawRequest, more: Record<string, string>): RawRequest => ({
  ...request,
  headers: { ...request.headers, Authorization: bearerOf(cloud.credentials), ...more },
})

describe.each(UPLOADS)('%s', (_, request) => {
  test.each(['4294967297', '1099511627776', '9007199254740993'])(
    'refuses a body of %s bytes with 413, takes no memory for it, and goes on',
    async (length) => {
      const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow')
      const { status } = await rawRequest(cloud.endpoint, opened(request, { 'Content-Length': length }))
      expect(status).toBe(413)
      expect(allocate).not.toHaveBeenCalled()
      expect((await rawRequest(cloud.endpoint, opened({ line: 'GET /' }, {}))).status).toBe(200)
    },
  )

  test('refuses a body without an end as soon as it is too long', async () => {
    if (_.startsWith('S3')) return // a gigabyte is allowed: the same code with another limit
    const sent = await endless(opened(request, { 'Transfer-Encoding': 'chunked' }))
    expect(sent.answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(sent.bytes).toBeLessThan(64 * 1024 * 1024)
  })
})

/** Sends chunks until the connection is cut. */
function endless({ line, headers = {} }: RawRequest): Promise<{ answer: string; bytes: number }> {
  const { hostname, port, host } = new URL(cloud.endpoint)
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  const head = [
    `${line} HTTP/1.1`,
    `Host: ${host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  return new Promise((resolve) => {
    let [answer, bytes] = ['', 0]
    const socket = connect(Number(port), hostname, () => socket.write(`${head.join('\r\n')}\r\n\r\n`, more))
    const more = () => {
      if (!socket.writable || answer !== '') return
      bytes += 0x10000
      socket.write(chunk, more)
    }
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
    socket.on('error', () => {})
    socket.on('close', () => resolve({ answer, bytes }))
  })
}

test.each(['1e12', '-1', 'NaN', '4294967297', '3.5', '', '7'])(
  'a decoded length of %j, which the stream does not have, is refused without memory',
  (announced) => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow')
    const stream = Buffer.from('3\r\nabc\r\n0\r\n\r\n')
    const decode = () => decodeAwsChunked(stream, announced === '' ? Number.NaN : Number(announced))
    expect(decode).toThrow(expect.objectContaining({ code: 'IncompleteBody' }))
    for (const [bytes] of allocate.mock.calls) expect(bytes).toBeLessThanOrEqual(stream.length)
  },
)

test.each([
  ['a long path', { line: `GET /bucket/${'k'.repeat(20_000)}` }],
  ['a long query', { line: `GET /bucket?prefix=${'k'.repeat(20_000)}` }],
  ['a long header', { line: 'GET /', headers: { 'X-Long': 'x'.repeat(20_000) } }],
  [
    'many headers',
    { line: 'GET /', headers: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`X-${i}`, 'x'])) },
  ],
])('%s is refused by its length, before any service', async (_, request: RawRequest) => {
  expect((await rawRequest(cloud.endpoint, opened(request, {}))).status).toBe(431)
})

test.each([
  ['no URL at all', 'GET //'],
  ['a path that is not encoded', 'POST /2015-03-31/functions/%zz/invocations'],
  ['a schedule that is not encoded', 'GET /schedules/%zz'],
  ['another form of target', 'GET http://[/'],
  ['a query that is not encoded', 'GET /bucket?prefix=%zz'],
])('%s ends with an answer, and the cloud goes on', async (_, line) => {
  const { status } = await rawRequest(cloud.endpoint, opened({ line }, {}))
  expect(status).toBeLessThan(600)
  expect((await rawRequest(cloud.endpoint, opened({ line: 'GET /' }, {}))).status).toBe(200)
})

test('a client context that is no JSON, or may not be in a header, harms nobody', async () => {
  const context = Buffer.from('{"a":"\\n\\u0000ü"}\r\nX: y').toString('base64')
  const invoke = { line: 'POST /2015-03-31/functions/f/invocations' }
  expect((await rawRequest(cloud.endpoint, opened(invoke, { 'X-Amz-Client-Context': context }))).status).toBe(400)
})

test('who sends its request drop by drop loses its connection', async () => {
  const s3 = new S3()
  const options = { host: '127.0.0.1', port: 0, clock: systemClock, guard: () => undefined, requestMs: 100 }
  const server = await startServer(() => s3Front(s3), options)
  const { port } = new URL(server.endpoint)
  const answer = await new Promise<string>((resolve) => {
    let text = ''
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.write('PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nX'),
    )
    socket.setEncoding('latin1').on('data', (more: string) => (text += more))
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
  expect(answer).toMatch(/^HTTP\/1\.1 408 /)
  await server.close()
})

describe('the Runtime API of an environment', () => {
  const heard: [string, number][] = []
  const host = {
    onNext: (deliver: unknown) => void heard.push([typeof deliver, 0]),
    onResponse: (id: string, body: Buffer) => heard.push([id, body.length]) > 0,
    onError: (id: string, body: Buffer) => heard.push([id, body.length]) > 0,
    onInitError: (body: Buffer) => void heard.push(['init', body.length]),
  }
  let api: Awaited<ReturnType<typeof serveRuntimeApi>>
  beforeAll(async () => {
    api = await serveRuntimeApi(host, 'the-token')
  })
  afterEach(() => void heard.splice(0))
  afterAll(() => api.close())
  const ask = (line: string, headers: Record<string, string>, body = '') =>
    rawRequest(`http://${api.address}`, { line: line.replace('/', '/2018-06-01/runtime/'), headers, body })
  const token = { 'X-Millrace-Runtime-Token': 'the-token' }

  test.each([
    ['a web page', { Origin: 'https://evil.example', 'Content-Type': 'text/plain', ...token }],
    ['an image of a web page', { 'Sec-Fetch-Site': 'cross-site', ...token }],
    ['a name that leads here', { Host: 'evil.example', ...token }],
    ['whoever has no token', {}],
    ['whoever has another one', { 'X-Millrace-Runtime-Token': 'the-tokem' }],
  ])('takes no work from and gives none to %s', async (_, headers) => {
    for (const line of [
      'GET /invocation/next',
      'POST /invocation/1/response',
      'POST /invocation/1/error',
      'POST /init/error',
    ])
      expect({ line, ...(await ask(line, headers)) }).toMatchObject({ line, status: 403 })
    expect(heard).toEqual([])
  })

  test('a response of 2^32 + 1 bytes is one that is too large, and takes no memory', async () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow')
    const { status } = await ask('POST /invocation/1/response', { ...token, 'Content-Length': '4294967297' })
    expect(status).toBe(413)
    expect(heard).toEqual([['1', 6 * 1024 * 1024 + 101]])
    expect(allocate).not.toHaveBeenCalled()
  })

  test('the runtime with the token is served', async () => {
    expect((await ask('POST /invocation/1/response', token, 'null')).status).toBe(202)
    expect(heard).toEqual([['1', 4]])
  })
})
