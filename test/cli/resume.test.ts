import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { goOnCommand } from '../../cli/commands/goOn.ts'
import { trainCommand, type TrainOptions, type TrainParts } from '../../cli/commands/train.ts'
import { serialCloud } from '../../infra/clouds/serial.ts'
import { impala } from '../../learner/algorithms/impala.ts'
import { experiment } from '../../learner/experiment.ts'
import { train } from '../../learner/run/service.ts'
import { FakeHost } from './fakeHost.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const identity = experiment({
  env: 'Identity-v0',
  algorithm: impala({ learningRate: 5e-3, hidden: [16], gamma: 0.5, trainBatchSteps: 160 }),
  rollouts: { shards: 1, envsPerShard: 8, fragmentLength: 10 },
  stop: { envSteps: 2_000 },
})

/** Runs the command in this process; Ctrl-C comes after so many updates. */
async function command(options: Partial<TrainOptions>, { stopAt = Infinity, version = '0.1.0' } = {}) {
  const host = new FakeHost(cwd)
  const loads: string[] = []
  const parts: TrainParts = {
    async load(file) {
      loads.push(file)
      return { experiment: identity, file: join(cwd, 'identity.ts'), name: 'identity', ownEnv: false }
    },
    loadPair: async (pair) => ({ experiment: identity, name: 'identity-impala', ownEnv: false, pair }),
    bundleEnvCode: async () => expect.unreachable('the env is built in'),
    openCloud: async () => serialCloud(),
    train: async () => async (given, rest) => {
      const onUpdate = (line: Parameters<NonNullable<typeof rest.observer.onUpdate>>[0]) => {
        rest.observer.onUpdate?.(line)
        if (line.updates === stopAt) host.signal('SIGINT')
      }
      return await train(given, { ...rest, observer: { ...rest.observer, onUpdate } })
    },
    versions: { millrace: version, node: '20.20.2', onnxruntime: '1.30.0' },
  }
  const outcome = await trainCommand({ set: {}, serial: false, quiet: false, ...options }, host, parts).then(
    (exitCode) => ({ exitCode, error: undefined }),
    (error: unknown) => ({ exitCode: undefined, error }),
  )
  expect(host.openHandles).toBe(0)
  return { ...outcome, out: host.out.text, err: host.err.text, loads }
}

const json = (...path: string[]) => JSON.parse(readFileSync(join(cwd, ...path), 'utf8')) as Record<string, unknown>

test('Ctrl-C prints the command that goes on, and it does, with the file, the seed and the overrides of the run', async () => {
  const first = await command(
    { file: 'identity', seed: 3, out: 'my run', set: { 'rollouts.leaseSeconds': '50' } },
    { stopAt: 3 },
  )
  expect(first.exitCode).toBe(130)
  expect(first.out).toContain("  to go on     npx millrace train --resume 'my run'\n")
  const second = await command({ resume: 'my run' })
  expect(second).toMatchObject({ exitCode: 0, err: '', loads: [join(cwd, 'identity.ts')] })
  expect(second.out).toMatch(/^going on with my run, attempt 2, from update \d+\n/)
  expect(json('my run', 'config.json')).toMatchObject({
    attempt: 2,
    seed: 3,
    set: { seed: '3', 'rollouts.leaseSeconds': '50' },
    experiment: { rollouts: { leaseSeconds: 50 } },
  })
  const over = await command({ resume: 'my run' })
  expect(over).toMatchObject({ exitCode: 0, err: '' })
  expect(over.out).toMatch(/^this run is over; it goes on when stop\.envSteps is raised: --set stop\.envSteps=…\n/)
  const raised = await command({ resume: 'my run', set: { 'stop.envSteps': '4000' } })
  expect(raised.exitCode).toBe(0)
  expect(json('my run', 'summary.json')).toMatchObject({ attempt: 3, reason: 'envSteps' })
  const missed = await command({ resume: 'my run', set: { 'stop.meanReturn': '1000' } })
  expect(missed.exitCode).toBe(2)
})

test('auto goes on with the newest unfinished run under runs/, or in the folder of --out, and begins where there is none', async () => {
  const first = await command({ file: 'identity', resume: 'auto' }, { stopAt: 2 })
  expect(first.exitCode).toBe(130)
  expect(first.out).toMatch(/^no unfinished run of this experiment has a checkpoint: a new run begins\n/)
  const second = await command({ file: 'identity', resume: 'auto' })
  expect(second.exitCode).toBe(0)
  const runs = readdirSync(join(cwd, 'runs'))
  expect(runs).toHaveLength(1)
  expect(second.out).toContain(`going on with runs/${runs[0]}, attempt 2`)
  await command({ file: 'identity', resume: 'auto' })
  expect(readdirSync(join(cwd, 'runs'))).toHaveLength(2)
  for (const attempt of [1, 2]) {
    await command({ file: 'identity', resume: 'auto', out: 'own' }, { stopAt: attempt === 1 ? 2 : Infinity })
    expect(json('own', 'summary.json')).toMatchObject({ attempt })
  }
  expect((await command({ file: 'identity', resume: 'auto', out: 'own' })).out).toMatch(/^this run is over/)
})

test('a run of an env and an algorithm goes on without naming them again', async () => {
  const pair = { env: 'Identity-v0', algorithm: 'impala' }
  const first = await command({ pair, resume: 'auto' }, { stopAt: 2 })
  expect(first.out).toMatch(
    /^impala on Identity-v0: nobody has tuned this pair; impala's defaults, for 1,000,000 env steps/,
  )
  const [run = ''] = readdirSync(join(cwd, 'runs'))
  expect(run).toMatch(/^identity-impala-/)
  expect(json('runs', run, 'config.json')).toMatchObject({ pair })
  const second = await command({ pair, resume: 'auto' }, { stopAt: 3 })
  expect(second.out).toContain(`going on with runs/${run}, attempt 2`)
  const third = await command({ resume: `runs/${run}` })
  expect(third).toMatchObject({ exitCode: 0, loads: [] })
  expect(json('runs', run, 'summary.json')).toMatchObject({ attempt: 3, reason: 'envSteps' })
})

test('what cannot go on is refused in a sentence, and left as it is', async () => {
  const refused = async (options: Partial<TrainOptions>, more = {}) => (await command(options, more)).error
  expect(await refused({ resume: 'none' })).toMatchObject({ code: 'E_RUN_FOLDER' })
  expect(await refused({ resume: 'none', out: 'other' })).toMatchObject({ code: 'E_USAGE' })
  await command({ file: 'identity', out: 'run' }, { stopAt: 2 })
  const before = readdirSync(join(cwd, 'run')).toSorted()
  expect(await refused({ resume: 'run', seed: 2 })).toMatchObject({
    code: 'E_RUN_FOLDER',
    message: expect.stringMatching(
      /is of other settings: seed was 1 and is 2; only stop, budget, faults, rollouts.shards and rollouts.functions may change/,
    ),
  })
  expect(await refused({ resume: 'run' }, { version: '0.2.0' })).toMatchObject({
    message: expect.stringMatching(/is of Millrace 0\.1\.0, and this is 0\.2\.0/),
  })
  expect(await refused({ file: 'identity', out: 'run' })).toMatchObject({
    code: 'E_RUN_FOLDER',
    message: expect.stringMatching(/holds a run; go on with it \(--resume\)/),
  })
  const { file: _, ...config } = json('run', 'config.json')
  writeFileSync(join(cwd, 'run', 'config.json'), JSON.stringify(config))
  expect(await refused({ resume: 'run' })).toMatchObject({
    code: 'E_USAGE',
    message: expect.stringMatching(/was begun by a program/),
  })
  for (const damage of [{ startedAt: 'yesterday' }, { run: '../../elsewhere' }, { attempt: 0 }, { format: 2 }]) {
    writeFileSync(join(cwd, 'run', 'config.json'), JSON.stringify({ ...config, ...damage }))
    expect(await refused({ resume: 'run' })).toMatchObject({
      code: 'E_RUN_FOLDER',
      message: expect.stringMatching(/its config\.json is damaged, or of another version/),
    })
  }
  expect(readdirSync(join(cwd, 'run')).toSorted()).toEqual(before)
})

test('the command that goes on can be pasted into a shell', () => {
  const of = (folder: string, serial = false) => goOnCommand(folder, { serial })
  expect(of('runs/a-1')).toBe('npx millrace train --resume runs/a-1')
  expect(of("bob's run", true)).toBe("npx millrace train --resume 'bob'\\''s run' --serial")
  expect(of('-x')).toBe('npx millrace train --resume ./-x')
})
