import { afterEach, describe, expect, test, vi } from 'vitest'
import { awsConfig } from '../../../shared/cloud/awsConfig.ts'
import type { ServiceName } from '../../../shared/cloud/endpoints.ts'

afterEach(() => vi.unstubAllEnvs())

describe('an endpoint variable', () => {
  test.each([
    ['AWS_ENDPOINT_URL', 'notaurl'],
    ['AWS_ENDPOINT_URL', 'localhost:4566'],
    ['AWS_ENDPOINT_URL_S3', 'file:///tmp'],
  ])('%s=%s is refused with its name and an example', (name, value) => {
    vi.stubEnv('AWS_ENDPOINT_URL', '')
    vi.stubEnv(name, value)
    const message = `${name} is '${value}'; it has to be an address like http://127.0.0.1:4566`
    expect(() => awsConfig('S3', {})).toThrow(expect.objectContaining({ code: 'E_USAGE', message }))
  })

  test('is not looked at where the caller says where the service is', () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'notaurl')
    expect(awsConfig('S3', { endpoint: 'http://127.0.0.1:1' })).toMatchObject({ local: true })
  })
})

test.each<[ServiceName, number]>([
  ['S3', 45_000],
  ['SCHEDULER', 45_000],
  // A long poll takes 20 s of the 45; an evaluation 900.
  ['SQS', 45_000],
  ['LAMBDA', 930_000],
])(
  'a connection to %s that says nothing for long is given up; on loopback no timer is spent on that',
  async (service, ms) => {
    // The handler settles its settings at the first request.
    const settings = async (endpoint: string) =>
      (await Reflect.get(
        awsConfig(service, { region: 'eu-west-1', endpoint }).requestHandler,
        'configProvider',
      )) as object
    expect(await settings('https://service.example')).toMatchObject({ connectionTimeout: 5_000, socketTimeout: ms })
    expect(await settings('http://127.0.0.1:1')).toMatchObject({ socketTimeout: undefined })
  },
)
