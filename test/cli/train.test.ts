import fc from 'fast-check'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { trainCommand, type Train, type TrainOptions, type TrainParts } from '../../cli/commands/train.ts'
import { nodeFiles } from '../../library/run/disk.ts'
import { experiment, type Experiment } from '../../learner/experiment.ts'
import type { RunCloud } from '../../learner/run/cloud.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { failingFiles } from './failingFiles.ts'
import { FakeHost } from './fakeHost.ts'
import { fakeAlgorithm } from './fixtures/library.ts'
import { info, progressAt, summaryAt, updateLine } from './runs.ts'

const spec: PolicySpec = {
  observation: { shape: [4] },
  action: { kind: 'discrete', n: 2 },
  distribution: 'categorical',
}
const policy = new Uint8Array([8, 1, 2, 3])
const UPDATES = 40

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

interface Trial {
  readonly host?: FakeHost
  readonly options?: Partial<TrainOptions>
  readonly parts?: Partial<TrainParts>
  /** Called after each update. */
  readonly onUpdate?: (n: number, host: FakeHost) => void
  readonly stop?: { meanReturn?: number; envSteps?: number }
  readonly train?: Train
}

/** Replays a recorded run of 40 updates; an abort ends it after the update under way. */
function replay(host: FakeHost, onUpdate: (n: number, host: FakeHost) => void = () => {}): Train {
  return async (given, { run, observer, signal }) => {
    observer.onStart?.({ ...info, run, seed: given.seed, stop: given.stop })
    let n = 0
    while (n < UPDATES && !signal.aborted) {
      n++
      observer.onUpdate?.(updateLine(n))
      observer.onProgress?.(progressAt(n))
      host.advance(55)
      onUpdate(n, host)
      await Promise.resolve()
    }
    const reached = n === UPDATES && given.stop.meanReturn !== undefined && given.stop.meanReturn <= 480
    const reason = signal.aborted ? 'interrupted' : reached ? 'meanReturn' : 'envSteps'
    const summary = summaryAt(n, { run, reason })
    observer.onEnd?.(summary)
    return { summary, policy, spec }
  }
}

async function trial(t: Trial = {}) {
  const host = t.host ?? new FakeHost(cwd)
  let openClouds = 0
  const made: Experiment = experiment({
    env: 'CartPole-v1',
    algorithm: fakeAlgorithm(),
    stop: t.stop ?? { meanReturn: 475, envSteps: 2_000_000 },
  })
  const parts: TrainParts = {
    load: async () => ({ experiment: made, file: join(cwd, 'cartpole.ts'), name: 'cartpole', ownEnv: false }),
    loadPair: async (pair) => ({ experiment: made, name: 'cartpole-fake', ownEnv: false, pair }),
    bundleEnvCode: async () => new TextEncoder().encode('export default {}'),
    async openCloud() {
      openClouds++
      return { close: async () => void openClouds-- } as unknown as RunCloud
    },
    train: async () => t.train ?? replay(host, t.onUpdate),
    versions: { millrace: '0.1.0', node: '20.20.2', onnxruntime: '1.30.0' },
    files: nodeFiles,
    ...t.parts,
  }
  const options: TrainOptions = { file: 'cartpole.ts', set: {}, serial: false, quiet: false, ...t.options }
  const outcome = await trainCommand(options, host, parts).then(
    (exitCode) => ({ exitCode, error: undefined }),
    (error: unknown) => ({ exitCode: undefined, error }),
  )
  expect(openClouds).toBe(0)
  expect(host.openHandles).toBe(0)
  return { ...outcome, host, folder: join(cwd, 'runs', 'cartpole-20261121-090000-1') }
}

const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>
const metrics = (folder: string) => {
  const text = readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { updates: number })
}

describe('a run that reaches its goal', () => {
  test('exits with 0 and leaves config, metrics, policy, curve and summary', async () => {
    const { exitCode, folder, host } = await trial()
    expect(exitCode).toBe(0)
    expect(readdirSync(folder).toSorted()).toEqual([
      'config.json',
      'curve.csv',
      'metrics.jsonl',
      'policy.json',
      'policy.onnx',
      'summary.json',
    ])
    expect(json(folder, 'config.json')).toMatchObject({
      run: 'cartpole-20261121-090000-1',
      seed: 1,
      startedAt: '2026-11-21T09:00:00.000Z',
      experiment: {
        env: 'CartPole-v1',
        algorithm: { name: 'fake', config: { learningRate: 5e-4 } },
        rollouts: { shards: 2, envsPerShard: 32 },
        stop: { meanReturn: 475 },
      },
      versions: { millrace: '0.1.0' },
    })
    expect(metrics(folder).map((line) => line.updates)).toEqual(Array.from({ length: UPDATES }, (_, n) => n + 1))
    expect(readFileSync(join(folder, 'policy.onnx'))).toEqual(Buffer.from(policy))
    expect(json(folder, 'policy.json')).toMatchObject({
      policyVersion: 40,
      spec,
      env: { id: 'CartPole-v1', config: {}, own: false },
    })
    expect(json(folder, 'summary.json')).toMatchObject({ reason: 'meanReturn', goal: 475, goalReached: true })
    expect(readFileSync(join(folder, 'curve.csv'), 'utf8').split('\n').slice(0, 2)).toEqual([
      'env_steps,mean_return',
      '2560,31.5',
    ])
    expect(host.out.text).toContain('Reached a mean return of 480')
    expect(host.out.text.trimEnd().endsWith('millrace evaluate runs/cartpole-20261121-090000-1')).toBe(true)
    expect(host.err.text).toBe('')
  })

  test('on a terminal the display is gone over in place and the summary follows it', async () => {
    const host = new FakeHost(cwd, { isTTY: true })
    await trial({ host })
    const screen = host.out.screen()
    expect(screen[0]).toMatch(/^impala on CartPole-v1, seed 1, emulated cloud, until/)
    expect(screen[2]).toMatch(/100% {2}mean return 480 of 475$/)
    expect(screen.filter((line) => line.includes('policy lag'))).toHaveLength(1)
    expect(screen.at(-1)).toContain('millrace evaluate')
  })

  test('--quiet prints nothing; --seed and --set change the experiment; --out names the folder', async () => {
    const { host, exitCode } = await trial({
      options: { quiet: true, seed: 7, set: { 'rollouts.shards': '5', 'algorithm.learningRate': '0.1' }, out: 'mine' },
    })
    expect({ exitCode, text: host.out.text + host.err.text }).toEqual({ exitCode: 0, text: '' })
    expect(json(cwd, 'mine', 'config.json')).toMatchObject({
      run: 'cartpole-20261121-090000-7',
      seed: 7,
      experiment: { rollouts: { shards: 5 }, algorithm: { config: { learningRate: 0.1 } } },
    })
  })

  test("a user's own env goes along as code, to the service and into the folder", async () => {
    let sent: Uint8Array | undefined
    const { folder } = await trial({
      parts: {
        load: async () => ({
          experiment: experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm(), stop: { envSteps: 10 } }),
          file: join(cwd, 'own.ts'),
          name: 'cartpole',
          ownEnv: true,
        }),
        train: async () => async (given, options) => {
          sent = options.envCode
          return await replay(new FakeHost(cwd))(given, options)
        },
      },
    })
    expect(new TextDecoder().decode(sent)).toBe('export default {}')
    expect(readFileSync(join(folder, 'experiment.mjs'), 'utf8')).toBe('export default {}')
    expect(json(folder, 'policy.json')).toMatchObject({ env: { own: true } })
  })
})

describe('exit statuses', () => {
  test('2 when a limit came before the goal, 0 when there was no goal', async () => {
    expect((await trial({ stop: { meanReturn: 500, envSteps: 100 } })).exitCode).toBe(2)
    rmSync(join(cwd, 'runs'), { recursive: true })
    expect((await trial({ stop: { envSteps: 100 } })).exitCode).toBe(0)
  })

  test('130 after Ctrl-C, 143 after SIGTERM; a second signal ends the process at once, with the cursor shown', async () => {
    const host = new FakeHost(cwd, { isTTY: true })
    const onUpdate = (n: number) => {
      if (n === 5) host.signal('SIGINT')
    }
    const { exitCode } = await trial({ host, onUpdate })
    expect(exitCode).toBe(130)
    expect(host.exits).toEqual([])
    rmSync(join(cwd, 'runs'), { recursive: true })
    expect((await trial({ onUpdate: (n, h) => (n === 5 ? h.signal('SIGTERM') : undefined) })).exitCode).toBe(143)
    rmSync(join(cwd, 'runs'), { recursive: true })

    const twice = new FakeHost(cwd, { isTTY: true })
    await trial({
      host: twice,
      onUpdate: (n) => {
        if (n !== 5) return
        twice.signal('SIGINT')
        expect(twice.out.text).toContain('Ctrl-C again to stop at once')
        twice.signal('SIGINT')
        expect(twice.exits).toEqual([130])
        expect(twice.out.text.endsWith('\x1b[?25h')).toBe(true)
      },
    })
  })
})

test('what a timer of the user’s throws ends the run in order: the policy is there, the error is told, and how to go on', async () => {
  const { error, host, folder } = await trial({
    onUpdate: (n, running) => (n === 5 ? running.throwUncaught(new TypeError('no wheel')) : undefined),
  })
  expect(error).toMatchObject({ message: 'no wheel' })
  expect(host.out.text).toContain('to go on from its last checkpoint')
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(['policy.onnx', 'summary.json']))
})

test('interrupted after any update, the folder is whole: every line of the log parses and all files are there', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: UPDATES }),
      fc.constantFrom('SIGINT' as const, 'SIGTERM' as const),
      async (at, signal) => {
        rmSync(join(cwd, 'runs'), { recursive: true, force: true })
        const { folder } = await trial({ onUpdate: (n, host) => (n === at ? host.signal(signal) : undefined) })
        expect(metrics(folder)).toHaveLength(at)
        expect(json(folder, 'summary.json')).toMatchObject({ reason: 'interrupted', progress: { updates: at } })
        expect(json(folder, 'policy.json')).toMatchObject({ policyVersion: at })
        expect(readdirSync(folder).filter((name) => name.includes('tmp'))).toEqual([])
      },
    ),
    { numRuns: 15 },
  )
})

describe('when something fails', () => {
  test('a broken experiment, an unknown env or a bad override leaves no folder', async () => {
    const load = async () => {
      throw new MillraceError('E_EXPERIMENT', 'broken.ts:1:1: no')
    }
    expect((await trial({ parts: { load } })).error).toMatchObject({ code: 'E_EXPERIMENT' })
    expect((await trial({ options: { set: { 'rollouts.shard': '2' } } })).error).toMatchObject({ code: 'E_EXPERIMENT' })
    expect((await trial({ options: { set: { env: 'CartPole-v2' } } })).error).toMatchObject({ code: 'E_ENV_UNKNOWN' })
    expect(readdirSync(cwd)).toEqual([])
  })

  test('before the first update nothing is left behind; after it the folder stays, with whole lines', async () => {
    const failing =
      (after: number): Train =>
      async (given, options) => {
        await replay(new FakeHost(cwd))(given, { ...options, signal: AbortSignal.abort() })
        for (let n = 1; n <= after; n++) options.observer.onUpdate?.(updateLine(n))
        throw new MillraceError('E_ROLLOUT', 'the env failed')
      }
    expect((await trial({ train: failing(0) })).error).toMatchObject({ code: 'E_ROLLOUT' })
    expect(readdirSync(cwd)).toEqual([])
    const openCloud = async () => {
      throw new MillraceError('E_PORT', 'the port is in use')
    }
    expect((await trial({ parts: { openCloud } })).error).toMatchObject({ code: 'E_PORT' })
    expect(readdirSync(cwd)).toEqual([])
    const { error, folder } = await trial({ train: failing(3) })
    expect(error).toMatchObject({ code: 'E_ROLLOUT' })
    expect(metrics(folder)).toHaveLength(3)
    expect(existsSync(join(folder, 'config.json'))).toBe(true)
  })

  test('a cloud that does not close is a warning: the result is kept', async () => {
    const openCloud = async () =>
      ({
        close: () => Promise.reject(new MillraceError('E_FUNCTION', 'a function would not end')),
      }) as unknown as RunCloud
    const { exitCode, folder, host } = await trial({ parts: { openCloud } })
    expect(exitCode).toBe(0)
    expect(host.err.text).toBe('warning: error E_FUNCTION: a function would not end\n')
    expect(existsSync(join(folder, 'policy.onnx'))).toBe(true)
  })

  test('interrupted while the experiment is loaded, nothing is begun', async () => {
    const host = new FakeHost(cwd)
    const load = async () => {
      host.signal('SIGINT')
      return {
        experiment: experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm() }),
        file: join(cwd, 'a.ts'),
        name: 'a',
        ownEnv: false,
      }
    }
    expect(await trial({ host, parts: { load } })).toMatchObject({ exitCode: 130, error: undefined })
    expect(readdirSync(cwd)).toEqual([])
  })

  test('a folder that is not empty, or a path under a file, is refused before anything runs', async () => {
    writeFileSync(join(cwd, 'file'), 'mine')
    const train: Train = async () => expect.unreachable('it must not run')
    expect((await trial({ train, options: { out: '.' } })).error).toMatchObject({ code: 'E_RUN_FOLDER' })
    expect((await trial({ train, options: { out: 'file/run' } })).error).toMatchObject({ code: 'E_RUN_FOLDER' })
    expect(readdirSync(cwd)).toEqual(['file'])
  })

  test('whenever the disk fills up, the run ends with E_DISK, no file is half-written and no temporary one is left', async () => {
    const counting = failingFiles()
    await trial({ parts: { files: counting } })
    rmSync(join(cwd, 'runs'), { recursive: true })
    for (let failAt = 0; failAt < counting.calls.length; failAt++) {
      const { error, folder, host } = await trial({ parts: { files: failingFiles(failAt) } })
      expect(error).toMatchObject({ code: 'E_DISK' })
      expect(String(error)).toMatch(/the disk is full/)
      for (const name of existsSync(folder) ? readdirSync(folder) : []) {
        expect(name).not.toMatch(/tmp/)
        if (name.endsWith('.json')) json(folder, name)
        if (name === 'metrics.jsonl') metrics(folder)
        if (name === 'policy.onnx') expect(readFileSync(join(folder, name))).toEqual(Buffer.from(policy))
      }
      expect(host.out.text).not.toContain('millrace evaluate')
      rmSync(join(cwd, 'runs'), { recursive: true, force: true })
    }
  })

  test('a log that can no longer be written stops the run instead of training unseen', async () => {
    const claim = ['open', 'writeFile', 'link']
    const beforeTheLog = ['mkdir', 'mkdir', ...claim, 'open', 'writeFile', 'sync', 'rename', 'open']
    const files = failingFiles(beforeTheLog.length)
    const host = new FakeHost(cwd)
    const untilAborted: Train = async (_given, { observer, signal, run }) => {
      let n = 0
      while (!signal.aborted) {
        observer.onUpdate?.(updateLine(++n))
        host.advance(250)
        await new Promise(setImmediate)
      }
      return { summary: summaryAt(n, { run, reason: 'interrupted' }), policy, spec }
    }
    const { error, folder } = await trial({ host, parts: { files, train: async () => untilAborted } })
    expect(error).toMatchObject({
      code: 'E_DISK',
      message: `cannot write ${join(folder, 'metrics.jsonl')}: the disk is full`,
    })
    expect(files.calls.slice(0, beforeTheLog.length)).toEqual(beforeTheLog)
    expect(metrics(folder)).toEqual([])
  })
})

describe('a run that made no update', () => {
  const ends =
    (reason: 'seconds' | 'budget' | 'interrupted'): Train =>
    async (_given, { run, observer }) => {
      observer.onEvent?.({ level: 'warn', text: 'no fragment in 8 s' })
      observer.onEveryEvent?.({ level: 'warn', text: 'no fragment in 8 s' })
      const summary = summaryAt(0, { run, reason, progress: progressAt(0, { queuedFragments: 0 }) })
      observer.onEnd?.(summary)
      return { summary, policy, spec }
    }

  test.each(['seconds', 'budget'] as const)('is no success: %s', async (reason) => {
    const { error, folder, host } = await trial({ train: ends(reason), options: { quiet: true } })
    expect(error).toMatchObject({
      code: 'E_NO_UPDATE',
      message: expect.stringMatching(/without a single update: no whole fragment came in that time/),
    })
    expect(existsSync(folder)).toBe(false)
    expect(host.err.text).toBe('warning: no fragment in 8 s\n')
  })

  test('is left as it is by who interrupted it', async () => {
    const { exitCode, error, folder } = await trial({ train: ends('interrupted') })
    expect(error).toBeUndefined()
    expect(exitCode).toBe(130)
    expect(existsSync(folder)).toBe(true)
  })
})

test('what envs wrote and every event are in the folder, and a run that failed at once keeps them', async () => {
  const failing: Train = async (_given, { observer }) => {
    for (let n = 0; n < 100; n++) observer.onOutput?.({ shard: n % 2, stream: 'stdout', text: `step ${n}` })
    observer.onEveryEvent?.({ level: 'warn', text: 'lease 0-0 failed' })
    throw new MillraceError('E_ENV_STEP', 'no wheel')
  }
  const { error, folder, host } = await trial({ train: failing })
  expect(error).toMatchObject({ code: 'E_ENV_STEP' })
  expect(readFileSync(join(folder, 'output.log'), 'utf8').split('\n')).toHaveLength(101)
  expect(readFileSync(join(folder, 'events.log'), 'utf8')).toMatch(
    /^2026-11-21T09:00:00\.000Z warning: lease 0-0 failed\n$/,
  )
  expect(host.out.text).toContain('shard 1 | step 39\n60 lines of env output not shown; all of it is in runs/')
})
