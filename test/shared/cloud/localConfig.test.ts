import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListBucketsCommand } from '@aws-sdk/client-s3'
import { ListQueuesCommand } from '@aws-sdk/client-sqs'
import { ListFunctionsCommand } from '@aws-sdk/client-lambda'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { buildSync } from 'esbuild'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { packageRoot } from '../../../infra/local/packageRoot.ts'
import { awsClients } from '../../../shared/cloud/clients.ts'
import { controlConfig } from '../../../shared/cloud/control/config.ts'

// Clients of a service on this machine, in shells whose AWS settings were made for something else.

let server: Server
let endpoint: string
let folder: string
const seen: { authorization: string | undefined; url: string | undefined }[] = []
beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push({ authorization: request.headers.authorization, url: request.url })
    response.end(request.headers['x-amz-target'] ? '{}' : '<A/>')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  folder = mkdtempSync(join(tmpdir(), 'millrace-aws-'))
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  seen.length = 0
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
})
afterEach(() => vi.unstubAllEnvs())

async function callAll(options: { readonly localEndpoint?: string; readonly endpoint?: string }): Promise<void> {
  const clients = awsClients(options)
  const { s3, sqs, lambda } = clients
  const sts = new STSClient(controlConfig('STS', options))
  try {
    await s3.send(new ListBucketsCommand({}))
    await sqs.send(new ListQueuesCommand({}))
    await lambda.send(new ListFunctionsCommand({})).catch((error: unknown) => {
      if (!(error instanceof SyntaxError)) throw error // our answer is no JSON; the request came all the same
    })
    await sts.send(new GetCallerIdentityCommand({}))
  } finally {
    clients.destroy()
    sts.destroy()
  }
}

describe('a service on this machine is reached', () => {
  test.each<Record<string, string>>([
    {},
    { AWS_REGION: '' },
    { AWS_REGION: '', AWS_DEFAULT_REGION: 'nowhere-9' },
    { AWS_USE_FIPS_ENDPOINT: 'true', AWS_USE_DUALSTACK_ENDPOINT: 'true' },
    { AWS_USE_FIPS_ENDPOINT: 'perhaps' },
    { AWS_PROFILE: 'nobody-has-this', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    { AWS_MAX_ATTEMPTS: 'many', AWS_RETRY_MODE: 'never', AWS_DEFAULTS_MODE: 'unheard-of' },
    { AWS_REQUEST_CHECKSUM_CALCULATION: 'SOMETIMES', AWS_RESPONSE_CHECKSUM_VALIDATION: 'SOMETIMES' },
    { AWS_S3_DISABLE_EXPRESS_SESSION_AUTH: 'perhaps', AWS_S3_USE_ARN_REGION: 'perhaps' },
    { AWS_SIGV4A_SIGNING_REGION_SET: ' , ', AWS_AUTH_SCHEME_PREFERENCE: 'none,of,these' },
    { HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9', NODE_USE_ENV_PROXY: '1' },
    { AWS_CA_BUNDLE: '/nowhere', AWS_SDK_UA_APP_ID: 'x'.repeat(99) },
    { AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere' },
  ])('whatever the shell says: %j', async (variables) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
    await callAll({ localEndpoint: endpoint })
    expect(seen).toHaveLength(4)
    expect(seen.every(({ authorization }) => authorization === undefined)).toBe(true)
  })

  test('with the credentials of the environment where it sends the service there, and no profile beside them', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'minio')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    vi.stubEnv('AWS_PROFILE', 'nobody-has-this')
    await callAll({})
    expect(seen).toHaveLength(4)
    for (const { authorization } of seen) expect(authorization).toContain('Credential=minio/')
  })
})

test('no file of ~/.aws is opened: one that never gives an answer holds nothing up', () => {
  // Opening a pipe that nobody writes to waits for ever; the same program without our settings shows that it would.
  const config = join(folder, 'config')
  expect(spawnSync('mkfifo', [config]).status).toBe(0)
  const program = (settings: string) => `
    import { S3Client, ListBucketsCommand } from '@aws-sdk/client-s3'
    import { createServer } from 'node:http'
    const server = createServer((_, response) => response.end('<A/>')).listen(0, '127.0.0.1', async () => {
      const localEndpoint = 'http://127.0.0.1:' + server.address().port
      ${settings}
      await client.send(new ListBucketsCommand({}))
      process.exit(7)
    })`
  const plain = `const client = new S3Client({ endpoint: localEndpoint, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })`
  const ours = `const { s3Client } = require('./shared/cloud/clients.ts'); const client = s3Client({ localEndpoint })`
  const run = (contents: string, timeout: number) => {
    const outfile = join(folder, 'program.cjs')
    const stdin = { contents, resolveDir: packageRoot() }
    buildSync({ stdin, outfile, bundle: true, platform: 'node', logLevel: 'silent' })
    const env = { PATH: process.env['PATH'], AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: config }
    return spawnSync(process.execPath, [outfile], { env, timeout, killSignal: 'SIGKILL', encoding: 'utf8' })
  }
  const { status, stderr } = run(program(ours), 20_000)
  expect({ status, stderr }).toEqual({ status: 7, stderr: '' })
  expect(run(program(plain), 1500).status).toBe(null)
})
