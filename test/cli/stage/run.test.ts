import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type RunOptions, type RunParts, runCommand } from '../../../cli/commands/run.ts'
import { experiment } from '../../../learner/experiment.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { MillraceError, isMillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { FakeHost } from '../fakeHost.ts'
import { fakeAlgorithm } from '../fixtures/library.ts'
import { type FakeStage, START, fakeStage, runningStatus } from './fakeStage.ts'
import { endAtLearner, model } from './results.ts'

const RUN = 'cartpole-20261121-090000-1-1a2b3c4d'
const bytes = (text: string) => new TextEncoder().encode(text)

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

interface Trial {
  readonly stage?: FakeStage
  readonly host?: FakeHost
  readonly options?: Partial<RunOptions>
  readonly parts?: Partial<RunParts>
  readonly ownEnv?: boolean
}

/** Starts the command; `done` settles with its outcome, and what it left open is checked. */
function start(trial: Trial = {}) {
  const { stage = fakeStage(), host = new FakeHost(cwd), ownEnv = false } = trial
  const parts: RunParts = {
    openStage: stage.open,
    load: async () => ({
      experiment: experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm(), stop: { meanReturn: 475 } }),
      file: join(cwd, 'cartpole.ts'),
      name: 'cartpole',
      ownEnv,
    }),
    check: async () => {},
    bundleForLearner: async () => bytes('export default 1'),
    bundleEnvCode: async () => bytes('export default 2'),
    clock: stage.clock,
    version: '0.1.0',
    suffix: () => '1a2b3c4d',
    ...trial.parts,
  }
  const options: RunOptions = {
    file: 'cartpole.ts',
    stage: 'demo',
    set: {},
    detach: false,
    quiet: false,
    ...trial.options,
  }
  const done = runCommand(options, host, parts).then(
    (exitCode) => ({ exitCode, error: undefined }),
    (error: unknown) => ({ exitCode: undefined, error: error as MillraceError }),
  )
  const outcome = async () => {
    const result = await done
    expect(host.openHandles).toBe(0)
    expect(stage.clock.sleeping).toBe(0)
    return { ...result, text: host.out.text }
  }
  return { stage, host, outcome, advance: (ms: number) => stage.clock.advance(ms) }
}

const runFolder = () => join(cwd, 'runs', RUN)

describe('millrace run', () => {
  test('puts modules, status, list entry and request into the bucket, arms the dead-man, then asks for a machine', async () => {
    const { stage, outcome } = start({
      ownEnv: true,
      options: { detach: true, seed: 3, set: { 'rollouts.shards': '4' } },
    })
    const { exitCode, text } = await outcome()
    const run = 'cartpole-20261121-090000-3-1a2b3c4d'
    const module = bytes('export default 1')
    expect(exitCode).toBe(0)
    expect(stage.request(run)).toEqual({
      format: 1,
      run,
      experiment: 'cartpole',
      millrace: '0.1.0',
      requestedAt: stage.clock.now(),
      module: { key: keys.code(run, sha256Hex(module)), sha256: sha256Hex(module) },
      envCode: expect.objectContaining({ sha256: sha256Hex(bytes('export default 2')) }),
      set: { 'rollouts.shards': '4', seed: '3' },
    })
    expect(Buffer.from(stage.store.objects.get(stage.request(run).module.key)?.body ?? [])).toEqual(Buffer.from(module))
    expect(stage.status(run)).toMatchObject({ state: 'waiting', attempt: 0, events: [], metricsPieces: 0 })
    expect(stage.has(keys.listed(run, stage.clock.now()))).toBe(true)
    expect(stage.calls).toEqual(['arm', 'group 1'])
    expect(stage.state.armedFor).toBe(30 * 60_000)
    expect(text).toBe(
      [
        `run ${run} on stage demo`,
        'asked for a learner: a GPU machine (g6.xlarge or g5.xlarge) takes some minutes to start',
        'the run goes on without this command',
        `  follow it  npx millrace status --stage demo ${run} --follow`,
        `  stop it    npx millrace stop --stage demo ${run}`,
        '',
      ].join('\n'),
    )
  })

  test('with --detach --quiet prints the run alone, for a script', async () => {
    expect((await start({ options: { detach: true, quiet: true } }).outcome()).text).toBe(`${RUN}\n`)
  })

  test('wakes nobody where a learner lives, and says what it is doing', async () => {
    const stage = fakeStage()
    await stage.claim({ run: 'other-run' })
    const { text } = await start({ stage, options: { detach: true } }).outcome()
    expect(stage.calls).toEqual([])
    expect(text).toContain('the learner on gpu-1 is working on other-run; this run is next')
  })

  test('a stage whose learner runs anywhere says what to type', async () => {
    const stage = fakeStage({ kind: 'anywhere' })
    const { text } = await start({ stage, options: { detach: true } }).outcome()
    expect(text).toContain('start a learner: npx millrace learner --stage demo')
    expect(stage.calls).toEqual([])
  })
})

describe('a run that is followed', () => {
  test('waits, shows events once and progress, brings the run folder of train, and exits with 0 at the goal', async () => {
    const { stage, advance, outcome, host } = start()
    await advance(12_000)
    stage.state.running = 1
    await advance(20_000)
    const lost = { n: 0, at: START, level: 'warn' as const, text: 'lease 3 was lost' }
    await stage.writeStatus(runningStatus(RUN, 1, { events: [lost] }))
    await advance(5_000)
    await stage.writeStatus(
      runningStatus(RUN, 30, { events: [lost, { n: 1, at: START, level: 'info', text: 'a word' }] }),
    )
    await advance(2_000)
    await endAtLearner(stage, RUN)
    await advance(2_000)
    const { exitCode, text } = await outcome()
    expect(exitCode).toBe(0)
    const told = [
      'asked for a learner',
      'a machine is up; the learner on it is starting',
      'the learner on gpu-1 took the run',
      'impala on CartPole-v1, seed 1',
      'warning: lease 3 was lost',
      'a word',
      'Reached a mean return of 480',
      `millrace evaluate runs/${RUN}`,
    ]
    expect(told.map((part) => text.split(part).length - 1)).toEqual(told.map(() => 1))
    expect(told.map((part) => text.indexOf(part))).toEqual(
      told.map((part) => text.indexOf(part)).toSorted((a, b) => a - b),
    )
    expect(text).toContain('env steps 76,800')
    expect(readdirSync(runFolder()).toSorted()).toEqual([
      'config.json',
      'curve.csv',
      'metrics.jsonl',
      'policy.json',
      'policy.onnx',
      'summary.json',
    ])
    expect(readFileSync(join(runFolder(), 'policy.onnx'))).toEqual(model)
    const metrics = readFileSync(join(runFolder(), 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
    expect(metrics.map((line) => (JSON.parse(line) as { updates: number }).updates)).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    )
    expect(host.err.text).toBe('')
  })

  test('on a terminal shows the time of the run, not that of its follower', async () => {
    const host = new FakeHost(cwd, { isTTY: true })
    const { stage, advance, outcome } = start({ host })
    await advance(2_000)
    await stage.writeStatus(
      runningStatus(RUN, 1, { progress: { ...runningStatus(RUN, 1).progress!, atMs: 3_661_000 } }),
    )
    await advance(6_000)
    host.advance(2_000)
    expect(host.out.screen().join('\n')).toContain('time 1:01:03')
    await endAtLearner(stage, RUN)
    await advance(2_000)
    expect((await outcome()).exitCode).toBe(0)
  })

  test('a limit before the goal exits with 2; --out names the folder; an own env comes with its code', async () => {
    const { stage, advance, outcome } = start({ ownEnv: true, options: { out: 'here' } })
    while (!stage.has(keys.request(RUN))) await new Promise(setImmediate) // it looks at the folder first
    await advance(2_000)
    await endAtLearner(stage, RUN, { reason: 'envSteps', ownEnv: true })
    await advance(5_000)
    expect((await outcome()).exitCode).toBe(2)
    expect(existsSync(join(cwd, 'here', 'experiment.mjs'))).toBe(true)
  })

  test('one that failed is reported with its code and sentence, and leaves no folder', async () => {
    const { stage, advance, outcome } = start()
    await advance(2_000)
    const place = { where: { env: 'Pole-v0', shard: 3 }, stack: 'at step (pole.ts:7:13)' }
    const error = { code: 'E_ENV_STEP', message: 'no wheel', ...place }
    await stage.writeStatus(runningStatus(RUN, 1, { state: 'failed', error }))
    await advance(5_000)
    expect((await outcome()).error).toMatchObject({
      code: 'E_ENV_STEP',
      message: 'no wheel',
      where: { env: 'Pole-v0', shard: 3, run: RUN },
      userStack: 'at step (pole.ts:7:13)',
    })
    expect(readdirSync(cwd)).toEqual([])
  })

  test('one that failed after a checkpoint brings the policy made of it, and says so', async () => {
    const { stage, advance, outcome } = start()
    await advance(2_000)
    const ended = await endAtLearner(stage, RUN, { reason: 'interrupted' })
    const { summary: _, ...failed } = ended
    const error = { code: 'E_TRAIN_DIVERGED', message: 'the loss is NaN' }
    await stage.writeStatus({ ...failed, state: 'failed', error })
    await advance(5_000)
    const { error: thrown, text } = await outcome()
    expect(thrown?.code).toBe('E_TRAIN_DIVERGED')
    const sentence = `its policy as of the last checkpoint is in runs/${RUN}; npx millrace evaluate runs/${RUN}\n`
    expect(text.endsWith(sentence)).toBe(true)
    expect(readFileSync(join(runFolder(), 'policy.onnx'))).toEqual(model)
  })

  test("one that was stopped in its learner's place has no policy, and no sentence says that it never began", async () => {
    const { stage, advance, outcome } = start()
    await advance(2_000)
    await stage.put(keys.result(RUN, 'config.json'), { run: RUN })
    await stage.writeStatus(runningStatus(RUN, 5, { state: 'ended' }))
    await advance(5_000)
    const { exitCode, text } = await outcome()
    expect(exitCode).toBe(3)
    expect(text).toContain(
      `run ${RUN} was stopped with no learner to write its policy\nwhat it left is in runs/${RUN}\n`,
    )
  })

  test('Ctrl-C changes nothing in the stage, says how to come back, and exits with 130', async () => {
    const { stage, host, advance, outcome } = start()
    await advance(2_000)
    await stage.writeStatus(runningStatus(RUN, 1))
    await advance(5_000)
    const before = new Map([...stage.store.objects].map(([key, { etag }]) => [key, etag]))
    const calls = stage.calls.length
    host.signal('SIGINT')
    const { exitCode, text } = await outcome()
    expect(exitCode).toBe(130)
    expect(text).toContain(`millrace status --stage demo ${RUN} --follow`)
    expect(text).toContain(`millrace stop --stage demo ${RUN}`)
    expect(new Map([...stage.store.objects].map(([key, { etag }]) => [key, etag]))).toEqual(before)
    expect(stage.calls.length).toBe(calls)
  })

  test('rides out a bucket that fails for a while, with one note; unchanged statuses cost no body', async () => {
    const { stage, advance, outcome } = start()
    await advance(2_000)
    await stage.writeStatus(runningStatus(RUN, 1))
    await advance(6_000)
    stage.store.failNext('get', 3)
    await advance(10_000)
    expect(stage.store.requests.notModified).toBeGreaterThan(2)
    await endAtLearner(stage, RUN)
    await advance(2_000)
    const { exitCode, text } = await outcome()
    expect(exitCode).toBe(0)
    expect(text.split('this is tried again')).toHaveLength(2)
    expect(text).toContain('AWS answers again')
  })

  test('gives up on a bucket that fails for minutes, and says how to come back', async () => {
    const { stage, advance, outcome } = start()
    await advance(2_000)
    stage.store.failNext('get', 1000)
    await advance(400_000)
    const { error, text } = await outcome()
    expect(error?.code).toBe('E_STORE')
    expect(text).toContain('--follow')
  })

  test('says once that the learner fell silent, and that another goes on from its checkpoint', async () => {
    const { stage, advance, outcome } = start()
    await advance(2_000)
    const checkpoint = { key: 'c', updates: 120, at: START }
    await stage.writeStatus(runningStatus(RUN, 1, { checkpoint }))
    await advance(40_000)
    const learner = { id: 'l-2', host: 'gpu-2' }
    await stage.writeStatus(runningStatus(RUN, 2, { checkpoint, attempt: 2, learner }))
    await advance(2_000)
    await endAtLearner(stage, RUN)
    await advance(2_000)
    const { text } = await outcome()
    expect(text.split('no sign of life of the learner')).toHaveLength(2)
    expect(text).toContain('another goes on from update 120 when it is up')
    expect(text).toContain('the learner on gpu-2 took the run over')
  })

  test('one that no learner took asks again when the group went back to none, with the dead-man armed first', async () => {
    const { stage, advance, host, outcome } = start()
    await advance(15_000)
    stage.state.desired = 0
    await advance(15_000)
    expect(stage.calls).toEqual(['arm', 'group 1', 'arm', 'group 1'])
    await advance(700_000)
    expect(host.out.text.split('no machine after 10 minutes: the region may have no spot capacity')).toHaveLength(2)
    host.signal('SIGTERM')
    expect((await outcome()).exitCode).toBe(143)
  })
})

describe('a run that waits', () => {
  test('one that somebody took back is not waited for', async () => {
    const { stage, advance, outcome } = start()
    await advance(2_000)
    await stage.store.delete([keys.request(RUN)])
    await advance(30_000)
    expect((await outcome()).error?.message).toBe(`run '${RUN}' was taken back: no learner will go on with it`)
  })

  test('one whose learner had to end is left to the next; a group that was set to none is not asked again', async () => {
    const { stage, advance, host, outcome } = start()
    await advance(2_000)
    await stage.writeStatus(runningStatus(RUN, 1))
    await advance(90_000)
    const calls = stage.calls.length
    stage.state.desired = 0
    await stage.writeStatus(
      runningStatus(RUN, 2, { state: 'waiting', checkpoint: { key: 'c', updates: 2, at: START } }),
    )
    await advance(60_000)
    expect(host.out.text.split('no learner is asked for any more')).toHaveLength(2)
    expect(host.out.text).toContain('millrace learner --stage demo on any machine goes on with the run')
    expect(stage.calls.length).toBe(calls)
    await stage.writeStatus(runningStatus(RUN, 3, { attempt: 2, checkpoint: { key: 'c', updates: 2, at: START } }))
    await advance(6_000)
    await endAtLearner(stage, RUN)
    await advance(2_000)
    expect((await outcome()).text).toContain('the learner on gpu-1 took the run over')
  })
})

describe('what is wrong is seen before anything is uploaded', () => {
  const refused = async (trial: Trial) => {
    const { stage, outcome } = start(trial)
    const { error } = await outcome()
    expect(stage.store.objects.size).toBe(0)
    expect(stage.calls).toEqual([])
    return error
  }

  test('more functions than the stage has: both numbers are named', async () => {
    const error = await refused({ options: { set: { 'rollouts.shards': '64', 'rollouts.functions': '64' } } })
    expect(error).toMatchObject({
      code: 'E_EXPERIMENT',
      message: expect.stringMatching(
        /wants 64 functions \(rollouts\.functions\), but stage demo runs at most 50 at once/,
      ),
    })
  })

  test('another version of Millrace', async () => {
    const error = await refused({ parts: { version: '0.2.0' } })
    expect(error?.message).toMatch(/deployed by Millrace 0\.1\.0, and this is 0\.2\.0; millrace deploy --stage demo/)
  })

  test('a doctor at the stage; one that was killed is forgotten after an hour', async () => {
    const stage = fakeStage()
    await stage.put(keys.doctor, { name: 'doctor-abcdefgh', at: START - 60_000 })
    const { error } = await start({ stage }).outcome()
    expect(error).toMatchObject({
      code: 'E_STAGE',
      message:
        'a doctor is at stage demo since 2026-11-21T08:59:00.000Z, and stops what runs there; wait until it is done (one that was killed is forgotten after an hour)',
    })
    expect([...stage.store.objects.keys()]).toEqual([keys.doctor])
    expect(stage.calls).toEqual([])
    await stage.put(keys.doctor, { name: 'doctor-abcdefgh', at: START - 3_600_000 })
    expect((await start({ stage, options: { detach: true } }).outcome()).exitCode).toBe(0)
  })

  test('an override that does not fit, a plan that cannot be built, a module that cannot be bundled', async () => {
    const fail = async () => {
      throw new MillraceError('E_EXPERIMENT', 'as the test asked')
    }
    expect((await refused({ options: { set: { 'rollouts.shard': '4' } } }))?.message).toMatch(
      /rollouts has no field 'shard'/,
    )
    expect((await refused({ parts: { check: fail } }))?.message).toBe('as the test asked')
    expect((await refused({ parts: { bundleForLearner: fail } }))?.message).toBe('as the test asked')
  })

  test('a run folder that is not free', async () => {
    mkdirSync(join(cwd, 'here'))
    writeFileSync(join(cwd, 'here', 'file'), '')
    expect((await refused({ options: { out: 'here' } }))?.code).toBe('E_RUN_FOLDER')
    // Nobody makes folders there, root neither.
    expect((await refused({ options: { out: '/sys/millrace/run' } }))?.code).toBe('E_DISK')
  })

  test('a stage that is not there', async () => {
    const openStage = async () => {
      throw new MillraceError('E_STAGE', 'not deployed')
    }
    expect((await refused({ parts: { openStage } }))?.code).toBe('E_STAGE')
  })
})

test('a machine that may not be asked for takes the run back: no learner finds it, and its status says why', async () => {
  const stage = fakeStage()
  const set = async () => {
    throw new MillraceError('E_PERMISSION', 'the credentials lack autoscaling:SetDesiredCapacity')
  }
  const open = async () => ({ ...stage.stage, group: { ...stage.stage.group, set } })
  const { outcome } = start({ stage, parts: { openStage: open } })
  expect(isMillraceError((await outcome()).error, 'E_PERMISSION')).toBe(true)
  expect(stage.has(keys.request(RUN))).toBe(false)
  expect(stage.status(RUN)).toMatchObject({ state: 'failed', error: { code: 'E_PERMISSION' } })
})
