import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { provisionedCloud, stageCloud } from '../../../infra/clouds/provision.ts'
import type { LocalCloud } from '../../../infra/local/cloud.ts'
import { bearerOf } from '../../../shared/cloud/credentials.ts'
import { PAGE_REQUESTS, fromPage } from './hostilePage.ts'
import { buildBootstrap, handlerFile } from './lambda/support.ts'
import { type RawRequest, rawRequest } from './rawRequest.ts'

// A hostile program that sends what browsers send, to every service of every emulated cloud that a user starts.

const SECRET = 'only for this machine'
const bootstrap = buildBootstrap()
afterAll(() => bootstrap.remove())

/** What would do harm, or tell something, if it were let in: one request at least to every service. */
const HARM: readonly [what: string, request: RawRequest][] = [
  ['invokes a function', { line: 'POST /2015-03-31/functions/victim/invocations', body: '{"run":"evil"}' }],
  [
    'invokes it as an event',
    {
      line: 'POST /2015-03-31/functions/victim/invocations',
      headers: { 'X-Amz-Invocation-Type': 'Event' },
      body: '{"run":"evil"}',
    },
  ],
  ['sees the functions', { line: 'GET /2015-03-31/functions' }],
  [
    'stops a function',
    { line: 'PUT /2017-10-31/functions/victim/concurrency', body: '{"ReservedConcurrentExecutions":0}' },
  ],
  ['reads an object', { line: 'GET /victim/secret' }],
  ['reads it by its host', { line: 'GET /secret', headers: { Host: 'victim.localhost' } }],
  ['reads it by a link', { line: 'GET /victim/secret?X-Amz-Signature=00&X-Amz-Algorithm=AWS4-HMAC-SHA256' }],
  ['lists objects', { line: 'GET /victim?list-type=2' }],
  ['writes an object', { line: 'PUT /victim/mine', body: 'x' }],
  [
    'writes one by a form',
    { line: 'POST /victim', body: '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nx' },
  ],
  ['deletes an object', { line: 'DELETE /victim/secret' }],
  [
    'sends a message',
    {
      line: 'POST /',
      headers: { 'X-Amz-Target': 'AmazonSQS.SendMessage' },
      body: '{"QueueUrl":"/0/victim","MessageBody":"evil"}',
    },
  ],
  [
    'reads a parameter',
    { line: 'POST /', headers: { 'X-Amz-Target': 'AmazonSSM.GetParameter' }, body: '{"Name":"/victim"}' },
  ],
  [
    'starts a machine',
    {
      line: 'POST /',
      body: 'Action=SetDesiredCapacity&Version=2011-01-01&AutoScalingGroupName=victim&DesiredCapacity=1',
    },
  ],
  ['asks who it is', { line: 'POST /', body: 'Action=GetCallerIdentity&Version=2011-06-15' }],
  ['makes a schedule', { line: 'POST /schedules/victim', body: '{}' }],
]

function plantVictims(cloud: LocalCloud): void {
  cloud.s3.createBucket('victim')
  cloud.s3.put('victim', 'secret', Buffer.from(SECRET))
  cloud.sqs.createQueue('victim')
  cloud.lambda.create({ name: 'victim', file: handlerFile('environment'), memoryMb: 256, timeoutMs: 10_000 })
  cloud.control.parameters.put('/victim', SECRET)
  const command = { file: process.execPath, args: ['-e', ''], environment: {} }
  cloud.control.createAutoScalingGroup({ name: 'victim', command, logGroup: '/victim' })
}

/** All that a request could have changed. */
const stateOf = (cloud: LocalCloud) => ({
  objects: cloud.s3.list('victim').objects.map(({ key }) => key),
  messages: cloud.sqs.queue('victim').describe()['ApproximateNumberOfMessages'],
  usage: { ...cloud.lambda.usage() },
  pending: cloud.lambda.pendingEvents,
  environments: cloud.lambda.environments,
  strikes: [...cloud.control.schedules.strikes],
})

describe.each([
  [
    'millrace cloud',
    () => provisionedCloud({ control: true, endpointsFromLease: true, lambda: { bootstrap: bootstrap.file } }),
  ],
  ['millrace cloud --stage', () => stageCloud({ lambda: { bootstrap: bootstrap.file } })],
])('at %s', (_, start: () => Promise<LocalCloud>) => {
  let cloud: LocalCloud
  let before: ReturnType<typeof stateOf>
  beforeAll(async () => {
    cloud = await start()
    plantVictims(cloud)
    before = stateOf(cloud)
  })
  afterAll(() => cloud.close())

  test.each(PAGE_REQUESTS)(
    '%s invokes nothing, reads nothing and writes nothing, whatever it asks for',
    async (_how, marks) => {
      for (const [what, request] of HARM) {
        const { status, text } = await rawRequest(cloud.endpoint, fromPage(request, marks))
        expect({ what, status }).toEqual({ what, status: 403 })
        expect(text).not.toMatch(/only for this machine|access-control|101 Switching/i)
      }
      const preflight = await rawRequest(cloud.endpoint, fromPage({ line: 'OPTIONS /victim/secret' }, marks))
      expect(preflight.status).toBe(403)
      expect(stateOf(cloud)).toEqual(before)
    },
  )

  test('even a page that knows the secret is refused', async () => {
    const marks = { Origin: 'https://evil.example', Authorization: bearerOf(cloud.credentials) }
    expect((await rawRequest(cloud.endpoint, fromPage({ line: 'GET /victim/secret' }, marks))).status).toBe(403)
  })

  test.each([
    ['no credentials', {}],
    ['a guess', { Authorization: 'Bearer local' }],
    ['an empty secret', { Authorization: 'Bearer ' }],
    ['half of the secret', { Authorization: 'half' }],
    ['what is no signature', { Authorization: 'AWS4-HMAC-SHA256 nothing' }],
  ])('a program of this machine with %s gets nowhere either', async (_how, headers) => {
    const half = bearerOf(cloud.credentials).slice(0, -10)
    const marks = 'Authorization' in headers && headers.Authorization === 'half' ? { Authorization: half } : headers
    for (const [what, request] of HARM) {
      const { status, text } = await rawRequest(cloud.endpoint, fromPage(request, marks))
      expect({ what, refused: status === 403 || status === 400 }).toEqual({ what, refused: true })
      expect(text).not.toContain(SECRET)
    }
    expect(stateOf(cloud)).toEqual(before)
  })

  test('who has the secret is served, by every name of this machine', async () => {
    const { port } = new URL(cloud.endpoint)
    for (const name of ['127.0.0.1', 'localhost', '[::1]', '127.1.2.3']) {
      const headers = { Host: `${name}:${port}`, Authorization: bearerOf(cloud.credentials) }
      const { status, text } = await rawRequest(cloud.endpoint, { line: 'GET /victim/secret', headers })
      expect({ name, status }).toEqual({ name, status: 200 })
      expect(text).toContain(SECRET)
    }
  })
})
