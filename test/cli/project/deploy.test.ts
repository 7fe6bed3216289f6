import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deployCommand, type DeployParts } from '../../../cli/commands/deploy.ts'
import { findProject } from '../../../cli/loadSettings.ts'
import { runSst } from '../../../cli/project/sst.ts'
import { packageRoot } from '../../../infra/local/packageRoot.ts'
import { MillraceError } from '../../../shared/errors.ts'
import type { StageDescription } from '../../../shared/protocol/stage.ts'
import { FakeHost } from '../fakeHost.ts'
import { description, projectWithSst } from './projects.ts'

let project: ReturnType<typeof projectWithSst>
beforeEach(() => {
  project = projectWithSst('exit 0')
})
afterEach(() => rmSync(project.folder, { recursive: true }))

function parts(changes: Partial<DeployParts> = {}): DeployParts {
  return {
    findProject,
    loadSettings: project.loadSettings,
    preflightPorts: () => ({
      account: async () => ({ account: '123456789012', arn: 'arn:aws:iam::123456789012:root', region: 'eu-west-1' }),
      concurrencyQuota: async () => ({ limit: 1000, unreserved: 1000 }),
      reservedByStage: async () => 0,
      gpuQuota: async () => 8,
      offeredInstanceTypes: async (types) => types,
      dockerVersion: async () => '28.1.1',
      sstVersion: async () => '4.17.1',
      millraceVersion: async () => '1.0.0',
    }),
    runSst,
    findStage: async () => description,
    versions: { millrace: '1.0.0', sst: '4.17.1' },
    ...changes,
  }
}

const host = (env: Record<string, string> = {}) => new FakeHost(project.folder, { env: { ...process.env, ...env } })
const deploy = (at: FakeHost, changes?: Partial<DeployParts>) => deployCommand({ stage: 'demo' }, at, parts(changes))

describe('millrace deploy', () => {
  test('runs the sst of the project in its folder, reads the stage back and says what it costs and what to type next', async () => {
    const at = host()
    expect(await deploy(at)).toBe(0)
    expect(project.calls()).toEqual([`${project.folder} deploy --stage demo`])
    expect(at.out.text).toContain('✓ credentials            account 123456789012, root, in eu-west-1\n')
    expect(at.out.text).toContain('at most $4.15 an hour for 50 functions, and a learner of your own')
    expect(at.out.text).toContain('  millrace run <experiment> --stage demo\n')
    expect(at.openHandles).toBe(0)
  })

  test('with anything missing, tells of it and starts nothing', async () => {
    const at = host()
    const lacking = {
      ...parts().preflightPorts({ app: '', stage: '', folder: '' }, {}),
      concurrencyQuota: async () => ({ limit: 10, unreserved: 10 }),
      sstVersion: async () => undefined,
    }
    expect(await deploy(at, { preflightPorts: () => lacking })).toBe(1)
    expect(at.err.text).toMatch(/^error E_DEPLOY: SST is not installed.*\nerror E_QUOTA: Lambda's quota .*\n$/)
    expect(project.calls()).toEqual([])
  })

  test('the status of a failed sst is E_DEPLOY, and nothing is said of a stage', async () => {
    rmSync(project.folder, { recursive: true })
    project = projectWithSst('exit 3')
    await expect(deploy(host())).rejects.toMatchObject({
      code: 'E_DEPLOY',
      message: expect.stringContaining("'sst deploy --stage demo' ended with status 3") as string,
    })
  })

  test('a signal ends sst itself, and the command waits for it', async () => {
    rmSync(project.folder, { recursive: true })
    project = projectWithSst(`trap 'echo ended >>calls; exit 7' TERM; echo ready >>calls; while :; do sleep 0.05; done`)
    const at = host()
    const ended = deploy(at)
    const ready = setInterval(() => {
      if (project.calls().includes('ready')) at.signal('SIGTERM')
    }, 20)
    await expect(ended).rejects.toMatchObject({ code: 'E_DEPLOY' })
    clearInterval(ready)
    expect(project.calls().at(-1)).toBe('ended')
  })

  test('what was deployed has to be there, and of this version', async () => {
    const absent = new MillraceError('E_STAGE', 'it is not there')
    await expect(
      deploy(host(), {
        findStage: async () => {
          throw absent
        },
      }),
    ).rejects.toBe(absent)
    const older: StageDescription = { ...description, millrace: '0.9.0' }
    await expect(deploy(host(), { findStage: async () => older })).rejects.toMatchObject({ code: 'E_STAGE' })
  })

  test('an emulated cloud is no place to deploy to', async () => {
    await expect(deploy(host({ AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }))).rejects.toMatchObject({
      code: 'E_DEPLOY',
      message: expect.stringContaining('millrace cloud --stage demo has the stage there') as string,
    })
    expect(project.calls()).toEqual([])
  })

  test('the program of the real SST package is found and started', async () => {
    const offline = {
      SST_SKIP_DEPENDENCY_CHECK: '1',
      SST_NO_BUN: '1',
      SST_TELEMETRY_DISABLED: '1',
      HOME: project.folder,
    }
    expect(await runSst(['version'], packageRoot(), host(offline))).toBe(0)
  })
})
