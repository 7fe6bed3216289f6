import { describe, expect, test } from 'vitest'
import type { Finding } from '../../../cli/preflight/finding.ts'
import type { PreflightPorts } from '../../../cli/preflight/ports.ts'
import { preflight } from '../../../cli/preflight/preflight.ts'
import { StageSettings, type StageSettingsInput } from '../../../infra/aws/settings.ts'
import { MillraceError } from '../../../shared/errors.ts'

const VERSIONS = { millrace: '1.0.0', sst: '4.17.1' }

/** An account where everything is there. */
const good: PreflightPorts = {
  account: async () => ({ account: '123456789012', arn: 'arn:aws:iam::123456789012:user/ada', region: 'eu-west-1' }),
  concurrencyQuota: async () => ({ limit: 1000, unreserved: 1000 }),
  reservedByStage: async () => 0,
  gpuQuota: async () => 8,
  networks: async () => ({ quota: 5, there: 1, own: false }),
  offeredInstanceTypes: async (types) => types,
  dockerVersion: async () => '28.1.1',
  sstVersion: async () => '4.17.1',
  millraceVersion: async () => '1.0.0',
}

function look(settings: Partial<StageSettingsInput>, changes: Partial<PreflightPorts>): Promise<readonly Finding[]> {
  const whole = StageSettings.parse({ app: 'my-app', region: 'eu-west-1', ...settings })
  return preflight(whole, { ...good, ...changes }, VERSIONS)
}

async function missing(settings: Partial<StageSettingsInput>, changes: Partial<PreflightPorts>): Promise<string[]> {
  const found = await look(settings, changes)
  return found.flatMap((f) => (f.kind === 'missing' ? [`${f.problem.code} ${f.problem.message}`] : []))
}

const gpu = { learner: { kind: 'gpu' } } as const
const refused = (code: 'E_CREDENTIALS' | 'E_REGION' | 'E_PERMISSION' | 'E_AWS') => async () => {
  throw new MillraceError(code, `it is ${code}`)
}

describe('preflight', () => {
  test('finds nothing missing where everything is there, and says what it saw', async () => {
    const found = await look(gpu, {})
    expect(found.map(({ kind, check }) => [check, kind])).toEqual([
      ['credentials', 'ok'],
      ['SST', 'ok'],
      ['Millrace', 'ok'],
      ['Docker', 'ok'],
      ['concurrent executions', 'ok'],
      ['networks', 'ok'],
      ['GPU machines', 'ok'],
      ['GPU spot quota', 'ok'],
    ])
    expect(found[0]).toMatchObject({ saw: 'account 123456789012, user/ada, in eu-west-1' })
  })

  test('tells of everything that is missing at once', async () => {
    const found = await missing(gpu, {
      concurrencyQuota: async () => ({ limit: 10, unreserved: 10 }),
      gpuQuota: async () => 0,
      networks: async () => ({ quota: 5, there: 5, own: false }),
      offeredInstanceTypes: async (types) => types.filter((type) => type === 'g4dn.xlarge'),
      dockerVersion: async () => undefined,
      sstVersion: async () => '4.16.0',
      millraceVersion: async () => undefined,
    })
    expect(found).toHaveLength(7)
  })

  test.each([
    ['credentials that AWS refuses', {}, { account: refused('E_CREDENTIALS') }, 'E_CREDENTIALS it is E_CREDENTIALS'],
    ['a region that does not exist', {}, { account: refused('E_REGION') }, 'E_REGION it is E_REGION'],
    [
      'no SST',
      {},
      { sstVersion: async () => undefined },
      'E_DEPLOY SST is not installed in this project, expected 4.17.1; npm install --save-dev --save-exact sst@4.17.1',
    ],
    [
      'another Millrace in the project than the one asked',
      {},
      { millraceVersion: async () => '0.9.0' },
      "E_DEPLOY this project has Millrace 0.9.0, and this command is 1.0.0; run npm install, and the project's own: npx millrace",
    ],
    [
      "a new account's quota, where nothing can be reserved",
      {},
      { concurrencyQuota: async () => ({ limit: 10, unreserved: 10 }) },
      "E_QUOTA Lambda's quota of concurrent executions in eu-west-1 is 10, of which 0 can be reserved (AWS keeps 100 back), and functions.concurrency is 50: " +
        'ask for a quota of 150 or more (Service Quotas, AWS Lambda, Concurrent executions)',
    ],
    [
      'a quota that others use up',
      { functions: { concurrency: 300 } },
      { concurrencyQuota: async () => ({ limit: 1000, unreserved: 350 }) },
      "E_QUOTA Lambda's quota of concurrent executions in eu-west-1 is 1,000, of which 250 can be reserved (AWS keeps 100 back), and functions.concurrency is 300: " +
        'ask for a quota of 1,050 or more (Service Quotas, AWS Lambda, Concurrent executions), or set functions.concurrency to 250 at most',
    ],
    [
      'a region that is full of networks',
      { learner: { kind: 'fargate' } },
      { networks: async () => ({ quota: 5, there: 5, own: false }) },
      "E_QUOTA the quota 'VPCs per Region' in eu-west-1 is 5, and 5 are there; a stage whose learner AWS starts has one of its own: " +
        "ask for 6 or more (Service Quotas, Amazon VPC), delete one that nobody uses, or set learner: { kind: 'anywhere' }",
    ],
    [
      'a GPU quota of none',
      gpu,
      { gpuQuota: async () => 0 },
      "E_QUOTA the quota 'All G and VT Spot Instance Requests' in eu-west-1 is 0 vCPUs, and g6.xlarge has 4: ask for 4 or more (Service Quotas, Amazon EC2)",
    ],
    [
      'a GPU quota that is enough for the smaller machine only',
      { learner: { kind: 'gpu', instanceTypes: ['g6.xlarge', 'g5.12xlarge'], usdPerHour: 6 } },
      {},
      "E_QUOTA the quota 'All G and VT Spot Instance Requests' in eu-west-1 is 8 vCPUs, and g5.12xlarge has 48: " +
        'ask for 48 or more (Service Quotas, Amazon EC2), or leave only g6.xlarge in learner.instanceTypes',
    ],
    [
      'a region without one of the GPU types',
      { learner: { kind: 'gpu', instanceTypes: ['g6.xlarge', 'g5.xlarge'] } },
      { offeredInstanceTypes: async (types: readonly string[]) => types.filter((t) => !t.startsWith('g6')) },
      'E_REGION eu-west-1 does not have g6.xlarge; it has g5.xlarge, g4dn.xlarge: name those in learner.instanceTypes',
    ],
    [
      'a region without GPUs',
      { learner: { kind: 'gpu', instanceTypes: ['g6.xlarge'] } },
      { offeredInstanceTypes: async () => [] },
      'E_REGION eu-west-1 does not have g6.xlarge; it has none of g6.xlarge, g5.xlarge, g4dn.xlarge, g6e.xlarge either: ' +
        "choose another region, or learner: { kind: 'fargate' } or { kind: 'anywhere' }",
    ],
    [
      'no Docker where an image has to be built',
      { learner: { kind: 'fargate' } },
      { dockerVersion: async () => undefined },
      "E_DEPLOY Docker is not installed or does not run, and the learner's image (learner.kind 'fargate') is built with it; " +
        'start Docker, or name a built image in learner.image',
    ],
  ] satisfies [string, Partial<StageSettingsInput>, Partial<PreflightPorts>, string][])(
    '%s is one sentence that says what to do',
    async (_, settings, changes, sentence) => {
      expect(await missing(settings, changes)).toEqual([sentence])
    },
  )

  test('what the stage itself has reserved counts as free: a deployed stage can be deployed again', async () => {
    const quota = { concurrencyQuota: async () => ({ limit: 150, unreserved: 100 }) }
    expect(await missing({}, quota)).toHaveLength(1)
    expect(await missing({}, { ...quota, reservedByStage: async () => 50 })).toEqual([])
  })

  test("networks are counted for a learner that AWS starts, and a deployed stage's own is there already", async () => {
    const full = { networks: async () => ({ quota: 5, there: 5, own: false }) }
    expect(await missing({}, full)).toEqual([])
    expect(await missing(gpu, full)).toHaveLength(1)
    expect(await missing(gpu, { networks: async () => ({ quota: 5, there: 5, own: true }) })).toEqual([])
  })

  test('with on-demand machines as a fallback, their quota counts too', async () => {
    const settings = { learner: { kind: 'gpu', onDemandFallback: true } } as const
    const found = await missing(settings, { gpuQuota: async ({ spot }) => (spot ? 8 : 0) })
    expect(found).toEqual([expect.stringContaining("'Running On-Demand G and VT instances' in eu-west-1 is 0 vCPUs")])
  })

  test('Docker and GPUs are nobody’s business where there is an image, or no machine of AWS', async () => {
    const nothing = {
      dockerVersion: async () => undefined,
      gpuQuota: async () => 0,
      offeredInstanceTypes: async () => [],
    }
    expect(await missing({}, nothing)).toEqual([])
    expect(await missing({ learner: { kind: 'fargate', image: 'ghcr.io/me/learner:1' } }, nothing)).toEqual([])
  })

  test('credentials that may not read a quota may still deploy', async () => {
    const found = await look({}, { concurrencyQuota: refused('E_PERMISSION') })
    expect(found.map(({ kind }) => kind)).toEqual(['ok', 'ok', 'ok', 'unknown'])
  })
})
