import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test, vi } from 'vitest'
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { type CloudParts, cloudCommand } from '../../cli/commands/cloud.ts'
import { settings } from '../../infra/aws/settings.ts'
import { provisionedCloud, stageCloud } from '../../infra/clouds/provision.ts'
import { localCloud } from '../../infra/local/index.ts'
import { StageDescription } from '../../shared/protocol/stage.ts'
import { buildBootstrap } from '../infra/local/lambda/support.ts'
import { FakeHost } from './fakeHost.ts'

const bootstrap = buildBootstrap()
afterAll(() => bootstrap.remove())

const PARTS: CloudParts = {
  start: localCloud,
  startStage: (options) => stageCloud({ ...options, lambda: { bootstrap: bootstrap.file } }),
  settings: async () => undefined,
  defaults: (app) => settings({ app, region: 'us-east-1' }),
  ownCommand: async () => 'npx millrace',
}

/** A host that tells when something was printed. */
function listening(): { host: FakeHost; printed: Promise<string> } {
  const host = new FakeHost('/')
  const printed = new Promise<string>((resolve) => {
    const write = host.out.write.bind(host.out)
    host.out.write = (text) => {
      write(text)
      resolve(text)
    }
  })
  return { host, printed }
}

test('serves any AWS client that takes the variables it prints, until Ctrl-C, and leaves the port free', async () => {
  const { host, printed } = listening()
  const ended = cloudCommand({ port: 0 }, host, PARTS)
  const text = await printed
  const variable = (name: string) => new RegExp(`${name}=(\\S+)`).exec(text)?.[1] ?? ''
  const client = new S3Client({
    endpoint: variable('AWS_ENDPOINT_URL'),
    region: variable('AWS_REGION'),
    credentials: { accessKeyId: variable('AWS_ACCESS_KEY_ID'), secretAccessKey: variable('AWS_SECRET_ACCESS_KEY') },
    forcePathStyle: true,
    maxAttempts: 1,
  })
  await client.send(new CreateBucketCommand({ Bucket: 'mine' }))
  expect((await client.send(new ListBucketsCommand({}))).Buckets?.map((bucket) => bucket.Name)).toEqual(['mine'])
  host.signal('SIGINT')
  expect(await ended).toBe(0)
  expect(host.openHandles).toBe(0)
  client.destroy()
  const again = createServer()
  const { port } = new URL(variable('AWS_ENDPOINT_URL'))
  await new Promise<void>((resolve) => again.listen(Number(port), '127.0.0.1', resolve))
  await new Promise((resolve) => again.close(resolve))
})

test('a port in use is one sentence', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const host = new FakeHost('/')
  await expect(cloudCommand({ port }, host, PARTS)).rejects.toMatchObject({ code: 'E_PORT' })
  expect(host.openHandles).toBe(0)
  await new Promise((resolve) => taken.close(resolve))
})

test('with a stage, its description is where a client with the printed variables looks for it', async () => {
  const { host, printed } = listening()
  const project = settings({ app: 'rivers', region: 'eu-west-1', functions: { concurrency: 7 } })
  const parts = { ...PARTS, settings: async () => project }
  const ended = cloudCommand({ port: 0, stage: 'demo', learner: 'none' }, host, parts)
  const text = await printed
  const variable = (name: string) => new RegExp(`${name}=(\\S+)`).exec(text)?.[1] ?? ''
  expect(text).toContain('npx millrace learner --stage demo')
  expect(text).not.toContain('MILLRACE_APP') // the project's own: its commands know it
  expect(variable('AWS_REGION')).toBe('eu-west-1')
  const client = new SSMClient({
    endpoint: variable('AWS_ENDPOINT_URL'),
    region: variable('AWS_REGION'),
    credentials: { accessKeyId: variable('AWS_ACCESS_KEY_ID'), secretAccessKey: variable('AWS_SECRET_ACCESS_KEY') },
    maxAttempts: 1,
  })
  const { Parameter } = await client.send(new GetParameterCommand({ Name: '/millrace/rivers/demo' }))
  const description = StageDescription.parse(JSON.parse(Parameter?.Value ?? ''))
  expect(description).toMatchObject({
    app: 'rivers',
    region: 'eu-west-1',
    concurrency: 7,
    learner: { kind: 'anywhere' },
  })
  client.destroy()
  host.signal('SIGINT')
  expect(await ended).toBe(0)
  expect(host.openHandles).toBe(0)
})

test.each([
  ['outside a project', {}, 'millrace'],
  ['in a project of another app', { app: 'lakes' }, 'lakes'],
])('%s, the stage’s app is among the variables, for the commands that are printed', async (where, more, app) => {
  const { host, printed } = listening()
  const project = where.startsWith('in') ? settings({ app: 'rivers', region: 'eu-west-1' }) : undefined
  const parts = { ...PARTS, settings: async () => project, ownCommand: async () => 'node /there/main.js' }
  const ended = cloudCommand({ port: 0, stage: 'demo', ...more }, host, parts)
  const text = await printed
  expect(text).toContain(`  export MILLRACE_APP=${app}\n`)
  expect(text).toContain('  node /there/main.js run cartpole --stage demo\n')
  host.signal('SIGINT')
  expect(await ended).toBe(0)
})

test('the credentials are new each time, unless AWS’s variables hold those of an emulated cloud', async () => {
  const credentialsOf = async (): Promise<string> => {
    const { host, printed } = listening()
    const parts = { ...PARTS, start: () => provisionedCloud({ lambda: { bootstrap: bootstrap.file } }) }
    const ended = cloudCommand({ port: 0 }, host, parts)
    const text = await Promise.race([printed, ended.then(() => '')]) // one that cannot start prints nothing
    host.signal('SIGINT')
    await ended
    return [...text.matchAll(/AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY)=(\S+)/g)].map(([, value]) => value).join(' ')
  }
  const set = (id: string, secret: string | undefined) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', id)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret)
  }
  try {
    set('AKIAIOSFODNN7EXAMPLE', 'the-users-own-secret-key')
    const [one, two] = [await credentialsOf(), await credentialsOf()]
    expect(one).not.toBe(two)
    expect(one).toMatch(/^MILLRACE[A-Z2-7]{12} [\w-]{40}$/)
    set('MILLRACESCRIPT', 'a-secret-of-a-script')
    expect(await credentialsOf()).toBe('MILLRACESCRIPT a-secret-of-a-script')
    for (const secret of ['short', undefined, 'with blanks and a $sign in it']) {
      set('MILLRACESCRIPT', secret)
      await expect(credentialsOf()).rejects.toMatchObject({ code: 'E_USAGE' })
    }
  } finally {
    vi.unstubAllEnvs()
  }
})

test('an app has to be named as one can be deployed, and needs a stage', async () => {
  const host = new FakeHost('/')
  const run = (options: { app: string; stage?: string }) => cloudCommand({ port: 0, ...options }, host, PARTS)
  await expect(run({ app: 'rivers' })).rejects.toMatchObject({ code: 'E_USAGE' })
  await expect(run({ app: 'My App', stage: 'demo' })).rejects.toMatchObject({ code: 'E_SETTINGS' })
  expect(host.openHandles).toBe(0)
})
