import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deployCommand, type DeployParts } from '../../../cli/commands/deploy.ts'
import { findProject } from '../../../cli/loadSettings.ts'
import { runSst } from '../../../cli/project/sst.ts'
import { packageRoot } from '../../../infra/local/packageRoot.ts'
import { MillraceError } from '../../../shared/errors.ts'
import type { Deployed } from '../../../cli/project/deployed.ts'
import { encodeRecord } from '../../../cli/stage/runRecords.ts'
import type { LearnerClaim } from '../../../learner/stage/records.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { StageDescription } from '../../../shared/protocol/stage.ts'
import { FakeHost } from '../fakeHost.ts'
import { description, memoryStage, projectWithSst } from './projects.ts'

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
      networks: async () => ({ quota: 5, there: 1, own: false }),
      offeredInstanceTypes: async (types) => types,
      dockerVersion: async () => '28.1.1',
      sstVersion: async () => '4.17.1',
      millraceVersion: async () => '1.0.0',
    }),
    runSst,
    findDeployed: async () => undefined,
    openStage: async () => memoryStage().stage,
    versions: { millrace: '1.0.0', sst: '4.17.1' },
    clock: { now: () => 1_000_000, monotonic: () => 1_000_000, sleep: async () => {} },
    ...changes,
  }
}

const host = (env: Record<string, string> = {}) => new FakeHost(project.folder, { env: { ...process.env, ...env } })
const deploy = (at: FakeHost, changes?: Partial<DeployParts>) => deployCommand({ stage: 'demo' }, at, parts(changes))

const claim: LearnerClaim = { format: 1, learner: 'a', host: 'there', startedAt: 1, heartbeatUntil: 1_060_000 }

describe('millrace deploy', () => {
  test('runs the sst of the project in its folder, reads the stage back and says what it costs and what to type next', async () => {
    const at = host()
    expect(await deploy(at)).toBe(0)
    expect(project.calls()).toEqual([`${project.folder} deploy --stage demo`])
    expect(at.out.text).toContain('✓ credentials            account 123456789012, root, in eu-west-1\n')
    expect(at.out.text).toContain('at most $4.15 an hour for 50 functions, and a learner of your own')
    expect(at.out.text).toContain('  npx millrace run <experiment> --stage demo\n')
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

  test('an interrupted sst is E_DEPLOY whatever its status: nothing is said of a stage that may be the one before', async () => {
    rmSync(project.folder, { recursive: true })
    project = projectWithSst(`mkdir -p .sst/log; echo 'level=INFO msg="sending interrupt"' >.sst/log/sst.log`)
    const at = host()
    await expect(deploy(at)).rejects.toMatchObject({
      code: 'E_DEPLOY',
      message: expect.stringContaining("'sst deploy --stage demo' was interrupted") as string,
    })
    expect(at.out.text).not.toContain('stage demo is there')
  })

  test('a signal ends sst itself, and the command waits for it', async () => {
    rmSync(project.folder, { recursive: true })
    project = projectWithSst(`trap 'echo ended >>calls; exit 7' TERM; echo ready >>calls; while :; do sleep 0.05; done`)
    const at = host()
    const ended = deploy(at)
    const ready = setInterval(() => {
      if (project.calls().includes('ready')) at.signal('SIGTERM')
    }, 20)
    expect(await ended).toBe(143)
    clearInterval(ready)
    expect(at.err.text).toContain('ended by SIGTERM; the same command goes on where it stopped')
    expect(project.calls().at(-1)).toBe('ended')
  })

  test('what was deployed has to be there, and of this version', async () => {
    const absent = new MillraceError('E_STAGE', 'it is not there')
    await expect(
      deploy(host(), {
        openStage: async () => {
          throw absent
        },
      }),
    ).rejects.toBe(absent)
    const older: StageDescription = { ...description, millrace: '0.9.0' }
    await expect(
      deploy(host(), { openStage: async () => memoryStage({ description: older }).stage }),
    ).rejects.toMatchObject({ code: 'E_STAGE' })
  })

  const before = (changes: Partial<Deployed> = {}): Pick<DeployParts, 'findDeployed'> => ({
    findDeployed: async () => ({ millrace: '1.0.0', concurrency: 10, requested: ['run-1'], ...changes }),
  })

  test('is refused while a run of another version waits or is under way: its next learner would fail it', async () => {
    await expect(deploy(host(), before({ millrace: '0.9.0' }))).rejects.toMatchObject({
      code: 'E_DEPLOY',
      message:
        'run run-1 is waiting or under way on stage demo, of Millrace 0.9.0, and a learner of 1.0.0 would fail it; wait for it, or stop it with version 0.9.0, then deploy',
    })
    await expect(deploy(host(), before({ millrace: '0.9.0', requested: ['a', 'b'] }))).rejects.toMatchObject({
      message: expect.stringMatching(/^2 runs are waiting.*would fail them; wait for them/) as string,
    })
    expect(project.calls()).toEqual([])
    expect(await deploy(host(), before({ millrace: '0.9.0', requested: [] }))).toBe(0)
  })

  test('runs of this version go on with the new settings, and the user is told so', async () => {
    const at = host()
    expect(await deploy(at, before())).toBe(0)
    expect(at.out.text).toContain('1 run waits or is under way; it goes on with the new settings\n')
    const fewer = host()
    expect(await deploy(fewer, before({ concurrency: 64, requested: ['a', 'b'] }))).toBe(0)
    expect(fewer.out.text).toContain(
      '2 runs wait or are under way; they go on with the new settings, and one that wants more than 50 functions will fail\n',
    )
  })

  test.each([
    ['a learner is asked for', async () => {}, 1],
    ['a run waits', (store: ObjectStore) => store.put(keys.request('run-1'), new Uint8Array()), 0],
    ['a learner is up', (store: ObjectStore) => store.put(keys.claim, encodeRecord(claim)), 0],
  ] as const)(
    'arms the dead-man anew where %s, also when SST failed half-way: its update switches it off',
    async (_, prepare, desired) => {
      const armed: number[] = []
      const { stage } = memoryStage({
        group: { size: async () => ({ desired, running: 0 }), set: async () => {} },
        deadMan: { arm: async (at) => void armed.push(at), disarm: async () => {} },
      })
      await prepare(stage.store)
      const calls = () => project.calls().length
      const order: number[] = []
      const openStage = async () => {
        order.push(calls())
        return stage
      }
      expect(await deploy(host(), { openStage })).toBe(0)
      expect(order).toEqual([1])
      expect(armed).toEqual([1_000_000 + 30 * 60_000])
      const runSst = async () => {
        throw new MillraceError('E_DEPLOY', 'half-way')
      }
      await expect(deploy(host(), { openStage, runSst })).rejects.toMatchObject({ message: 'half-way' })
      expect(armed).toHaveLength(2)
    },
  )

  test('by another version ends a learner that is still up: it would fail the next run', async () => {
    const sets: number[] = []
    const group = { size: async () => ({ desired: 1, running: 1 }), set: async (n: number) => void sets.push(n) }
    const openStage = async () => memoryStage({ group }).stage
    expect(await deploy(host(), { ...before({ requested: [] }), openStage })).toBe(0)
    expect(sets).toEqual([])
    expect(await deploy(host(), { ...before({ millrace: '0.9.0', requested: [] }), openStage })).toBe(0)
    expect(sets).toEqual([0])
  })

  test('leaves the dead-man alone where there is nothing that it could end', async () => {
    const { stage, asked } = memoryStage()
    expect(await deploy(host(), { openStage: async () => stage })).toBe(0)
    expect(asked).toEqual([])
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
