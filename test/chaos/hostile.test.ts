// What a web page, a lease and the user's own keys can do at the cloud of a run (millrace train). Needs dist/.
import { GetFunctionCommand } from '@aws-sdk/client-lambda'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { names } from '../../infra/clouds/names.ts'
import { provisionedCloud } from '../../infra/clouds/provision.ts'
import { lambdaClient } from '../../shared/cloud/index.ts'
import { invocationOf } from '../../shared/protocol/invocation.ts'
import { accessTo } from '../fakes/cloudAccess.ts'
import { PAGE_REQUESTS, fromPage } from '../infra/local/hostilePage.ts'
import { handlerFile, invoke } from '../infra/local/lambda/support.ts'
import { rawRequest } from '../infra/local/rawRequest.ts'
import { leaseOf } from '../shared/rollout/leases.ts'

afterEach(() => vi.unstubAllEnvs())

test('no request of a web page gets anywhere at the cloud of a run', async () => {
  const cloud = await emulatedRunCloud()
  const failed: string[] = []
  cloud.onInvocationFailed?.((_, reason) => failed.push(reason))
  try {
    const endpoint = new URL(cloud.queueUrl).origin
    await cloud.store.put('secret', Buffer.from('only for this machine'))
    const requests = [
      { line: `POST /2015-03-31/functions/${names.rolloutFunction}/invocations`, body: '{}' },
      { line: `GET /${names.bucket}/secret` },
      { line: `PUT /${names.bucket}/mine`, body: 'x' },
    ]
    for (const [how, marks] of PAGE_REQUESTS)
      for (const request of requests) {
        const { status, text } = await rawRequest(endpoint, fromPage(request, marks))
        expect({ how, status, told: text.includes('only for this machine') }).toEqual({ how, status: 403, told: false })
      }
    expect(await cloud.store.list('')).toEqual(['secret'])
    expect(failed).toEqual([]) // an invocation with such a payload would have failed
  } finally {
    await cloud.close()
  }
})

test('a lease that names its own S3, where an env of its own lies, is refused before that S3 is asked for anything', async () => {
  await using cloud = await provisionedCloud()
  const asked: string[] = []
  const hostile = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end()
  })
  await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve))
  const client = lambdaClient(accessTo(cloud))
  try {
    const at = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`
    const code = { key: 'env.mjs', sha256: '0'.repeat(64) }
    const lease = leaseOf({ endpoints: { s3: at, sqs: at }, env: { id: 'Mine-v0', config: {}, code } })
    const { functionError, answer } = await invoke(client, names.rolloutFunction, invocationOf([lease]))
    expect(functionError).toBe('Unhandled')
    expect(answer.errorMessage).toContain(`the lease says that S3 is at ${at}`)
    expect(asked).toEqual([])
  } finally {
    client.destroy()
    hostile.close()
  }
})

const KEYS = {
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  AWS_SESSION_TOKEN: 'the-users-session-token',
  AWS_PROFILE: 'the-users-profile',
  AWS_WEB_IDENTITY_TOKEN_FILE: '/the-users-token',
  GITHUB_TOKEN: 'the-users-github-token',
}

/** The environment of the rollout function of a cloud started with the user's shell around it, as the function itself sees it. */
async function environmentOf(variables: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  await using cloud = await provisionedCloud()
  vi.unstubAllEnvs()
  const client = lambdaClient(accessTo(cloud))
  const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: names.rolloutFunction }))
  const environment = Configuration?.Environment?.Variables ?? {}
  cloud.lambda.create({ name: 'spy', file: handlerFile('environment'), memoryMb: 256, timeoutMs: 10_000, environment })
  const { answer } = await invoke(client, 'spy', {})
  client.destroy()
  expect(answer.AWS_LAMBDA_FUNCTION_NAME).toBe('spy')
  if (!('AWS_ENDPOINT_URL_S3' in variables))
    expect(answer.AWS_SECRET_ACCESS_KEY).toBe(cloud.credentials.secretAccessKey)
  return answer
}

test('functions hold no key of the user’s shell, and neither the token of their runtime', async () => {
  const environment = await environmentOf(KEYS)
  const values = Object.values(environment).join('\n')
  for (const value of Object.values(KEYS)) expect(values).not.toContain(value)
  expect(Object.keys(environment)).not.toContain('MILLRACE_RUNTIME_TOKEN')
  expect(Object.keys(environment)).not.toContain('MILLRACE_ENDPOINTS_FROM_LEASE')
})

test('only where S3 or SQS really is elsewhere do they get the keys for it, and nothing else', async () => {
  const environment = await environmentOf({ ...KEYS, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' })
  expect(environment).toMatchObject({
    AWS_ACCESS_KEY_ID: KEYS.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: KEYS.AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN: KEYS.AWS_SESSION_TOKEN,
  })
  expect(Object.keys(environment)).not.toContain('GITHUB_TOKEN')
})
