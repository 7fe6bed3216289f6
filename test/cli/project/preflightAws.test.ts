import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { awsPreflightPorts } from '../../../cli/preflight/awsPorts.ts'
import type { Finding } from '../../../cli/preflight/finding.ts'
import { preflight } from '../../../cli/preflight/preflight.ts'
import { StageSettings, type StageSettingsInput } from '../../../infra/aws/settings.ts'
import { localCloud, type LocalCloud } from '../../../infra/local/cloud.ts'
import { packageRoot } from '../../../infra/local/packageRoot.ts'
import { accessTo } from '../../fakes/cloudAccess.ts'

// The real adapters and SDK clients, on the emulated control plane.

let cloud: LocalCloud
beforeEach(async () => {
  cloud = await localCloud({ control: true, lambda: { accountConcurrency: 200 } })
})
afterEach(() => cloud.close())

/** Without the checks of this machine: what its Docker is says nothing of Millrace. */
async function look(learner: StageSettingsInput['learner'], concurrency = 50): Promise<readonly Finding[]> {
  const place = { app: 'my-app', stage: 'demo', folder: packageRoot() }
  const ports = awsPreflightPorts(place, { region: 'us-east-1', ...accessTo(cloud) })
  const settings = StageSettings.parse({ app: 'my-app', region: 'us-east-1', functions: { concurrency }, learner })
  const versions = { millrace: (await ports.millraceVersion()) ?? '', sst: (await ports.sstVersion()) ?? '' }
  return await preflight(settings, ports, versions)
}
const missing = (found: readonly Finding[]) => found.flatMap((f) => (f.kind === 'missing' ? [f.problem] : []))
const gpu = { kind: 'gpu', image: 'learner:1' } as const

describe('preflight, asking AWS', () => {
  test('an account with everything, and with the tools of this repository, lacks nothing', async () => {
    const found = await look(gpu)
    expect(missing(found)).toEqual([])
    expect(found.map(({ kind }) => kind)).not.toContain('unknown')
    expect(found[0]).toMatchObject({ saw: 'account 000000000000, user/local, in us-east-1' })
  })

  test('quotas and machines that the account or the region lacks are told of together', async () => {
    cloud.control.account.instanceTypes.clear()
    cloud.control.account.quotas.set('ec2/L-3819A6DF', 0)
    const problems = missing(await look(gpu, 150))
    expect(problems.map(({ code }) => code)).toEqual(['E_QUOTA', 'E_REGION', 'E_QUOTA'])
    expect(problems[0]?.message).toContain('is 200, of which 100 can be reserved')
  })

  test('networks that are there count, and the stage’s own counts as its own', async () => {
    cloud.control.account.networks.push('', 'others', 'my-app-other-learner', '')
    expect(missing(await look(gpu)).map(({ message }) => message)).toEqual([
      expect.stringMatching(/is 5, and 5 are there/),
    ])
    cloud.control.account.networks[2] = 'my-app-demo-learner'
    expect(missing(await look(gpu))).toEqual([])
    cloud.control.account.quotas.delete('vpc/L-F678F1CE') // never asked for more: AWS's default
    expect(missing(await look(gpu))).toEqual([])
    cloud.control.account.networks[2] = 'others'
    expect(missing(await look(gpu))).toHaveLength(1)
  })

  test('a right that only the check needs stops nothing; credentials that AWS refuses stop everything', async () => {
    cloud.control.account.denied.add('servicequotas:GetServiceQuota')
    cloud.control.account.denied.add('lambda:GetAccountSettings')
    const found = await look(gpu)
    expect(missing(found)).toEqual([])
    expect(found.flatMap((f) => (f.kind === 'unknown' ? [f.check] : []))).toEqual([
      'concurrent executions',
      'networks',
      'GPU spot quota',
    ])
    cloud.control.account.denied.add('sts:GetCallerIdentity')
    expect(missing(await look(gpu)).map(({ code }) => code)).toEqual(['E_PERMISSION'])
  })
})
