import { LambdaClient } from '@aws-sdk/client-lambda'
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { localCloud, type LocalCloud } from '../../../infra/local/cloud.ts'
import type { FaultAction, Faults } from '../../../infra/local/faults/faults.ts'
import { lambdaClient, lambdaInvoker } from '../../../shared/cloud/index.ts'
import { accessTo } from '../../fakes/cloudAccess.ts'

let cloud: LocalCloud
let faults: Faults | undefined
beforeAll(async () => {
  cloud = await localCloud({ faults: (point) => faults?.(point) })
})
afterAll(() => cloud.close())
beforeEach(() => {
  faults = undefined
})
afterEach(() => void vi.restoreAllMocks())

const PAYLOAD = new TextEncoder().encode('{}')

/** Every invocation is refused; how often that happened. */
function refusing(status: number, code: string): () => number {
  const action: FaultAction = { refuse: { status, code } }
  let attempts = 0
  faults = (point) => {
    expect(point).toEqual({ service: 'lambda', operation: 'Invoke', resource: 'rollout' })
    attempts++
    return action
  }
  return () => attempts
}

const invoke = (localEndpoint = cloud.endpoint) =>
  lambdaInvoker(lambdaClient({ ...accessTo(cloud), localEndpoint }), 'rollout').invoke(PAYLOAD)

/** A server of its own, which does this to every connection. */
async function withServer<T>(
  onConnection: (socket: Socket) => void,
  use: (endpoint: string) => Promise<T>,
): Promise<T> {
  const server: Server = createServer((socket) => onConnection(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

test('a throttle is a result with its reason, after one attempt', async () => {
  const attempts = refusing(429, 'TooManyRequestsException')
  expect(await invoke()).toEqual({ kind: 'throttled', reason: 'TooManyRequestsException' })
  expect(attempts()).toBe(1)
})

test.each([
  [500, 'ServiceException'],
  [502, 'EC2UnexpectedException'],
  [503, 'ServiceUnavailable'],
])(
  "HTTP %i is Lambda's own failure and may pass: a result, after one attempt, since a lease must not be sent twice",
  async (status, code) => {
    const attempts = refusing(status, code)
    expect(await invoke()).toMatchObject({
      kind: 'unavailable',
      error: { code: 'E_INVOKE', message: expect.stringContaining(`cannot invoke rollout: `), where: { status } },
    })
    expect(attempts()).toBe(1)
  },
)

test('a connection that is reset, refused, or answers with nothing in time may pass', async () => {
  const reset = await withServer((socket) => void socket.once('data', () => socket.resetAndDestroy()), invoke)
  expect(reset).toMatchObject({ kind: 'unavailable', error: { code: 'E_INVOKE' } })
  const hungUp = await withServer((socket) => void socket.once('data', () => socket.end()), invoke)
  expect(hungUp).toMatchObject({ kind: 'unavailable', error: { code: 'E_INVOKE' } })
  const gone = await withServer(
    () => undefined,
    async (endpoint) => endpoint,
  )
  expect(await invoke(gone)).toMatchObject({ kind: 'unavailable', error: { code: 'E_INVOKE' } })

  const time = new AbortController()
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(time.signal)
  const late = await withServer((socket) => void socket.once('data', () => time.abort()), invoke)
  expect(late).toMatchObject({ kind: 'unavailable', error: { code: 'E_INVOKE' } })
  expect(timeout).toHaveBeenCalledWith(30_000)
})

test.each([
  [403, 'AccessDeniedException'],
  [404, 'ResourceNotFoundException'],
  [413, 'RequestEntityTooLargeException'],
])('HTTP %i is an error at once: another try would not mend it', async (status, code) => {
  const attempts = refusing(status, code)
  await expect(invoke()).rejects.toMatchObject({ code: 'E_INVOKE', message: expect.stringContaining(code) })
  expect(attempts()).toBe(1)
})

test('nor would it mend that there are no credentials', async () => {
  const credentials = () => Promise.reject(new Error('Could not load credentials from any providers'))
  const client = new LambdaClient({ region: 'us-east-1', endpoint: cloud.endpoint, credentials, maxAttempts: 1 })
  await expect(lambdaInvoker(client, 'rollout').invoke(PAYLOAD)).rejects.toMatchObject({
    code: 'E_INVOKE',
    message: expect.stringContaining('credentials'),
  })
})
