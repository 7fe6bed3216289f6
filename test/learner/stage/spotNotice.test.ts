import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { spotNotice } from '../../../learner/stage/spotNotice.ts'
import type { Clock } from '../../../shared/cloud/ports.ts'

/** A metadata service: tokens are wanted, and a notice comes after so many looks. */
async function metadata(notice: { readonly afterLooks: number; readonly text: string }) {
  const seen: string[] = []
  let token = 'first'
  let looks = 0
  const answer = ({ method, url, headers }: IncomingMessage): [status: number, text: string] => {
    seen.push(`${method} ${url}`)
    if (method === 'PUT' && url === '/latest/api/token')
      return headers['x-aws-ec2-metadata-token-ttl-seconds'] === '21600' ? [200, token] : [400, '']
    if (headers['x-aws-ec2-metadata-token'] !== token) return [401, '']
    if (url !== '/latest/meta-data/spot/instance-action' || ++looks < notice.afterLooks) return [404, '']
    return [200, notice.text]
  }
  const server = createServer((request, response) => {
    const [status, text] = answer(request)
    response.writeHead(status).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    seen,
    env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` },
    expireToken: () => (token = 'second'),
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

/** Time goes by as fast as the service answers. */
function hurried(onSleep: (n: number) => void = () => undefined): Clock & { slept: number[] } {
  const slept: number[] = []
  return {
    slept,
    now: () => 0,
    monotonic: () => 0,
    async sleep(ms) {
      slept.push(ms)
      onSleep(slept.length)
    },
  }
}

const never = new AbortController().signal

test('a notice is found within five seconds of its being there, with a token that is renewed when it no longer holds', async () => {
  const text = '{"action":"terminate","time":"2026-11-21T09:02:00Z"}'
  const service = await metadata({ afterLooks: 4, text })
  const clock = hurried((n) => n === 2 && service.expireToken())
  try {
    expect(await spotNotice({ clock, env: service.env }, never)).toBe('spot notice: terminate at 2026-11-21T09:02:00Z')
    expect(new Set(clock.slept)).toEqual(new Set([5_000]))
    expect(service.seen.filter((one) => one.startsWith('PUT'))).toHaveLength(2)
  } finally {
    await service.close()
  }
})

test('any answer but "not found" is a notice, also where its form is not known', async () => {
  const service = await metadata({ afterLooks: 1, text: 'hibernate' })
  try {
    expect(await spotNotice({ clock: hurried(), env: service.env }, never)).toBe('spot notice')
  } finally {
    await service.close()
  }
})

test('where nothing answers it is asked again until the end; switched off, it is not asked at all', async () => {
  const end = new AbortController()
  const clock = hurried((n) => n === 3 && end.abort())
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9' }
  expect(await spotNotice({ clock, env }, end.signal)).toBeUndefined()
  expect(clock.slept).toHaveLength(3)
  const off = hurried()
  expect(await spotNotice({ clock: off, env: { AWS_EC2_METADATA_DISABLED: 'TRUE' } }, never)).toBeUndefined()
  expect(off.slept).toEqual([])
})
