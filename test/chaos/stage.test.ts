// A stage from its first run to its end, the learner a process of its own that the stage starts, on the emulated cloud standing in
// for AWS. Needs dist/.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RunStatus } from '../../learner/stage/records.ts'
import { concurrencyLimit } from '../../shared/cloud/control/index.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { accessTo } from '../fakes/cloudAccess.ts'
import { freshFolder } from './folders.ts'
import { runCommand, until } from './processes.ts'
import { type StageUnderTest, stageUnderTest } from './stageClouds.ts'

const folder = freshFolder()
const ENDLESS = '--set stop.meanReturn=1000 --set stop.envSteps=100000000'

const group = ({ cloud }: StageUnderTest) => {
  const { group: found } = cloud.provisioned
  if (!found) throw new Error('the stage has no group')
  return found
}

async function statusOf({ store }: StageUnderTest, run: string): Promise<RunStatus> {
  const found = await store.get(keys.status(run))
  if (found.kind !== 'found') throw new Error(`no status of ${run}`)
  return RunStatus.parse(JSON.parse(new TextDecoder().decode(found.body)))
}

/** The run's name, as the command says it. */
const named = (out: string) => /cartpole-\d{8}-\d{6}-1-[0-9a-f]{8}/.exec(out)?.[0]

/** A run that would never end, under way. */
async function endlessRun(stage: StageUnderTest, more = '') {
  const client = stage.start(`run cartpole --stage demo ${ENDLESS}${more}`)
  const run = await until('the run has a name', () => named(client.out()), 10_000)
  const underWay = async () => ((await statusOf(stage, run)).progress?.updates ?? 0) > 20
  await until(`the run is under way\n${client.out()}${client.err()}`, underWay, 20_000)
  return { client, run }
}

test('a run on a stage wakes a learner, reaches the goal, comes home with its folder, and is evaluated on the stage', async () => {
  const cwd = folder()
  await using stage = await stageUnderTest(cwd)
  const ended = await stage.run('run cartpole --stage demo --out out')
  expect(ended).toMatchObject({ code: 0, err: '' })
  expect(ended.out).toContain('Reached a mean return of')
  const machine = group(stage).machines[0]
  expect(machine?.pid).toBeGreaterThan(0)
  const files = ['config.json', 'metrics.jsonl', 'policy.onnx', 'policy.json', 'summary.json', 'curve.csv']
  expect(files.filter((file) => !existsSync(join(cwd, 'out', file)))).toEqual([])
  const lines = readFileSync(join(cwd, 'out/metrics.jsonl'), 'utf8').trimEnd().split('\n')
  const updates = lines.map((line) => (JSON.parse(line) as { updates: number }).updates)
  expect(updates).toEqual(updates.map((_, n) => n + 1))

  const run = named(ended.out) ?? ''
  expect((await stage.run('evaluate out --episodes 20')).out).toMatch(/mean return \d/)
  const there = await stage.run(`evaluate ${run} --stage demo --episodes 20`)
  expect(there).toMatchObject({ code: 0, err: '' })
  expect(there.out).toMatch(/mean return \d/)
  expect((await stage.run('status --stage demo')).out).toMatch(new RegExp(`${run}.*ended`))
  const logs = await stage.run('logs --stage demo')
  expect(logs.out).toContain('learner')
  expect(logs.out).toContain('REPORT RequestId')
})

test('killing the client changes nothing: another one comes back to the run and stops it, functions and learner', async () => {
  await using stage = await stageUnderTest(folder())
  const { client, run } = await endlessRun(stage)
  client.child.kill('SIGKILL')
  await client.ended
  const before = (await statusOf(stage, run)).progress?.updates ?? 0
  await until('it goes on', async () => ((await statusOf(stage, run)).progress?.updates ?? 0) > before + 20)

  const follower = stage.start(`status ${run} --stage demo --follow --out back`)
  await until('the follower shows it', () => /updates [1-9]/.test(follower.out()))
  const stopped = await stage.run(`stop --stage demo ${run}`)
  expect(stopped).toMatchObject({ code: 0, err: '' })
  expect(await follower.ended).toBe(3)
  expect(follower.out()).toContain('Ended by an interruption')
  expect(await statusOf(stage, run)).toMatchObject({ state: 'ended', attempt: 1 })
  await until('no machine is left', () => group(stage).machines.length === 0)
  await until('no function works', () => stage.cloud.lambda.pendingEvents === 0)
  expect((await stage.run(`stop --stage demo ${run}`)).code).toBe(0)
})

test('Ctrl-C leaves a run alive and says how to come back and how to stop it', async () => {
  await using stage = await stageUnderTest(folder())
  const { client, run } = await endlessRun(stage)
  client.child.kill('SIGINT')
  expect(await client.ended).toBe(130)
  expect(client.out()).toContain(`millrace status --stage demo ${run} --follow`)
  expect(client.out()).toContain(`millrace stop --stage demo ${run}`)
  const before = (await statusOf(stage, run)).progress?.updates ?? 0
  await until('it goes on', async () => ((await statusOf(stage, run)).progress?.updates ?? 0) > before + 20)
})

test('stop --now ends the machine at once, and what its learner made of the run is its result', async () => {
  const cwd = folder()
  await using stage = await stageUnderTest(cwd)
  const { client, run } = await endlessRun(stage, ' --out out')
  const stopped = await stage.run('stop --stage demo --now')
  expect(stopped).toMatchObject({ code: 0, err: '' })
  expect(stopped.out).toMatch(new RegExp(`learner: its machine was told to end\nrun ${run} ended after \\d+ updates`))
  expect(await client.ended).toBe(3)
  expect(client.out()).not.toContain('the next one goes on')
  expect(existsSync(join(cwd, 'out/policy.onnx'))).toBe(true)
  expect(await statusOf(stage, run)).toMatchObject({ state: 'ended', summary: { reason: 'interrupted' } })
  await until('no machine is left', () => group(stage).machines.length === 0)
})

test('a learner that was killed is replaced, and the run goes on from its checkpoint', async () => {
  await using stage = await stageUnderTest(folder(), {
    heartbeatSeconds: 3,
    checkpointSeconds: 0.5,
  })
  const { client, run } = await endlessRun(stage)
  await until('a checkpoint', async () => ((await statusOf(stage, run)).checkpoint?.updates ?? 0) > 0)
  const first = group(stage).machines[0]
  const checkpoint = (await statusOf(stage, run)).checkpoint?.updates ?? 0
  first?.signal('SIGKILL')
  await until(
    'a second attempt is under way',
    async () => {
      const { attempt, progress } = await statusOf(stage, run)
      return attempt === 2 && (progress?.updates ?? 0) > checkpoint + 20
    },
    60_000,
  )
  const { progress } = await statusOf(stage, run)
  expect(progress?.updates).toBeGreaterThan(checkpoint)
  expect(client.child.exitCode).toBeNull()
  await stage.run(`stop --stage demo ${run}`)
  expect(await client.ended).toBe(3)
  expect(client.out()).toMatch(/goes on|another/)
})

test('a learner that stood still while another took over writes nothing more and ends with an error; the result is that of the other', async () => {
  await using stage = await stageUnderTest(folder(), {
    learner: 'anywhere',
    heartbeatSeconds: 2,
    checkpointSeconds: 0.5,
  })
  const [first, ended] = [
    stage.start('learner --stage demo'),
    'run cartpole --stage demo --set stop.envSteps=60000 --out out',
  ]
  const client = stage.start(`${ended} --set stop.meanReturn=1000`)
  const run = await until('the run has a name', () => named(client.out()))
  const status = () => statusOf(stage, run)
  await until('a checkpoint', async () => ((await status().catch(() => undefined))?.checkpoint?.updates ?? 0) > 0)
  first.child.kill('SIGSTOP')
  const second = stage.start('learner --stage demo')
  await until(
    'the second attempt',
    async () => (await status()).attempt === 2 && (await status()).state === 'running',
    60_000,
  )
  first.child.kill('SIGCONT')
  expect(await first.ended).toBe(1)
  expect(first.err()).toMatch(/^error E_LEARNER: another learner has taken the stage over/)
  expect(await client.ended).toBe(2)
  expect(await status()).toMatchObject({ state: 'ended', attempt: 2, summary: { reason: 'envSteps' } })
  // CartPole's run is deterministic: it is what it would have been with one learner, here or there.
  const calm = ['train', 'cartpole', '--quiet', '--out', 'calm', 'stop.envSteps=60000', 'stop.meanReturn=1000']
  expect((await runCommand(calm, { cwd: folder() })).code).toBe(2)
  const resultOf = (out: string) => {
    const lines = readFileSync(join(folder(), out, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
    const policy = sha256Hex(readFileSync(join(folder(), out, 'policy.onnx')))
    return { policy, lines: lines.map((line) => ({ ...(JSON.parse(line) as object), atMs: 0 })) }
  }
  expect(resultOf('out')).toEqual(resultOf('calm'))
  second.child.kill('SIGTERM')
  await second.ended
})

test('a learner that is told to end leaves a checkpoint behind and its run to the next one', async () => {
  await using stage = await stageUnderTest(folder())
  const { run } = await endlessRun(stage)
  const first = group(stage).machines[0]
  first?.signal('SIGTERM')
  await until('a second attempt is under way', async () => (await statusOf(stage, run)).attempt === 2, 60_000)
  const { checkpoint } = await statusOf(stage, run)
  expect(checkpoint?.updates).toBeGreaterThan(20)
  await until(
    'it goes on',
    async () => ((await statusOf(stage, run)).progress?.updates ?? 0) > (checkpoint?.updates ?? 0),
  )
})

test('functions stop within the heartbeat of a learner that was killed, and the dead-man sets all to none', async () => {
  const heartbeatSeconds = 3
  await using stage = await stageUnderTest(folder(), { learner: 'anywhere', heartbeatSeconds, deadManSeconds: 6 })
  const learner = stage.start('learner --stage demo')
  await endlessRun(stage)
  expect(stage.cloud.lambda.pendingEvents).toBe(2)
  learner.child.kill('SIGKILL')
  const killedAt = performance.now()
  await learner.ended
  await until('every function has ended', () => stage.cloud.lambda.pendingEvents === 0)
  expect(performance.now() - killedAt).toBeLessThan(heartbeatSeconds * 1000 + 2000)
  const functions = stage.cloud.provisioned.description.rolloutFunction
  await until(`the dead-man of ${functions} has struck`, async () => {
    return (await concurrencyLimit(functions, accessTo(stage.cloud)).get()) === 0
  })
})

test('an idle learner goes by itself, and the next run wakes another', async () => {
  await using stage = await stageUnderTest(folder(), { idleMinutes: 0.02 })
  const short = 'run cartpole --stage demo --set stop.envSteps=20000'
  expect((await stage.run(`${short} --out one`)).code).toBe(2)
  await until('no machine is left', () => group(stage).desired === 0 && group(stage).machines.length === 0)
  expect((await stage.run(`${short} --out two`)).code).toBe(2)
})

test('a stage whose learner is a service on Fargate is woken and ended like one with a group', async () => {
  await using stage = await stageUnderTest(folder(), { learner: 'fargate' })
  const ended = await stage.run('run cartpole --stage demo --set stop.envSteps=20000')
  expect(ended).toMatchObject({ code: 2, err: '' })
  expect((await stage.run('stop --stage demo')).code).toBe(0)
  await until('no task is left', () => group(stage).machines.length === 0)
})

test.each([
  ['ssm:GetParameter', 'status --stage demo'],
  ['s3:PutObject', 'run cartpole --stage demo'],
  ['autoscaling:SetDesiredCapacity', 'run cartpole --stage demo'],
  ['logs:FilterLogEvents', 'logs --stage demo'],
])('credentials without %s are told of it by millrace %s, and nothing is left waiting', async (right, args) => {
  await using stage = await stageUnderTest(folder())
  stage.cloud.control.account.denied.add(right)
  const { code, err } = await stage.run(args)
  expect(code).toBe(1)
  expect(err).toMatch(new RegExp(`^error E_PERMISSION: .*${right}`))
  expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(3)
  expect(await stage.store.list(keys.requests)).toEqual([])
})

test.each([
  ['run cartpole --stage dem', /^error E_STAGE: .*'dem'.*demo/],
  ['run nothing.ts --stage demo', /^error E_EXPERIMENT: there is no experiment file nothing\.ts/],
  ['run broken.ts --stage demo', /^error E_EXPERIMENT: broken\.ts:1:/],
  ['run cartpole --stage demo --set rollouts.shards=200 rollouts.functions=200', /^error E_\w+: .*200.*50/],
  ['status nobody --stage demo', /^error E_RUN: /],
  ['evaluate nobody --stage demo', /^error E_RUN: /],
])('millrace %s is one sentence', async (args, sentence) => {
  const cwd = folder()
  await using stage = await stageUnderTest(cwd)
  const { writeFileSync } = await import('node:fs')
  writeFileSync(join(cwd, 'broken.ts'), 'export default (')
  const { code, err } = await stage.run(args)
  expect(err).toMatch(sentence)
  expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(3)
  expect(code).toBe(1)
  expect(await stage.store.list(keys.requests)).toEqual([])
})
