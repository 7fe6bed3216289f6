import { afterEach, expect, test, vi } from 'vitest'
import { rolloutVariables } from '../../../infra/clouds/provision.ts'

afterEach(() => vi.unstubAllEnvs())

const HERE = 'http://127.0.0.1:4566'

/** The variables of the rollout function, made in this shell. */
function variables(shell: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries(shell)) vi.stubEnv(name, value)
  return rolloutVariables(HERE)
}

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' }
const MORE = { AWS_PROFILE: 'work', AWS_USE_FIPS_ENDPOINT: 'true', AWS_MAX_ATTEMPTS: '9' }

test('functions that use this cloud alone see nothing of the user’s AWS settings', () => {
  const seen = variables({ ...KEYS, ...MORE, AWS_REGION: '' })
  expect(seen).toEqual({ AWS_ENDPOINT_URL_S3: HERE, AWS_ENDPOINT_URL_SQS: HERE })
})

test('functions whose bucket or queue lies elsewhere are given the keys for it, and a region where one is named', () => {
  const seen = variables({ ...KEYS, ...MORE, AWS_REGION: '', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' })
  expect(seen).toMatchObject({ ...KEYS, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' })
  expect(seen).not.toHaveProperty('AWS_REGION')
  expect(seen).not.toHaveProperty('AWS_PROFILE')
  expect(variables({ AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:9000' })).toMatchObject({
    AWS_REGION: 'eu-west-1',
  })
})
