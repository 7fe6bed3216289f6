import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emulatedCloud, experiment, impala, train, type TrainOptions } from '../../index.ts'
import type { ExperimentInput } from '../../learner/experiment.ts'
import { newestUnfinished } from '../../library/run/autoResume.ts'
import { packageManifest } from '../../library/load/libraryEntries.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const setting = {
  env: 'Identity-v0',
  algorithm: impala({ learningRate: 5e-3, hidden: [16], gamma: 0.5, trainBatchSteps: 160 }),
  rollouts: { shards: 1, envsPerShard: 8, fragmentLength: 10 },
  stop: { envSteps: 3_000 },
} satisfies ExperimentInput

/** In this process and without sockets: what is tried here is the same on every cloud. */
async function trained(input: ExperimentInput, options: TrainOptions = {}) {
  await using cloud = await emulatedCloud({ serial: true })
  return await train(input, { cloud, ...options })
}

/** Trains into a folder until it has made so many updates. */
async function interrupted(runFolder: string, updates: number, input: ExperimentInput = setting) {
  const stopping = new AbortController()
  const observer = { onUpdate: (line: { updates: number }) => (line.updates >= updates ? stopping.abort() : undefined) }
  return await trained(input, { runFolder, signal: stopping.signal, observer })
}

const lines = (run: string) =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((text) => (JSON.parse(text) as { updates: number }).updates)
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)
const checkpoints = (run: string) => readdirSync(join(run, 'checkpoints')).toSorted()

describe('train', () => {
  test('gives summary, policy and spec, writes nothing by itself, and tells of progress', async () => {
    const seen: number[] = []
    const result = await trained(setting, { observer: { onUpdate: ({ updates }) => void seen.push(updates) } })
    expect(result).toMatchObject({ summary: { reason: 'envSteps' }, spec: { observation: { shape: [2] } } })
    expect(result.policy.byteLength).toBeGreaterThan(0)
    expect(seen).toEqual(upTo(seen.length))
    expect(result.runFolder).toBeUndefined()
  })

  test.each([
    [{ signal: {} }, /signal is .*expected an AbortSignal/],
    [{ onProgress: 1 }, /onProgress is 1, expected a function/],
    [{ observer: { onUpdate: 1 } }, /observer is .*expected an object/],
    [{ runFolder: '' }, /runFolder is "" .*expected the path of a folder/],
    [{ resume: 'yes', runFolder: 'x' }, /resume is "yes" .*expected true or false/],
    [{ cloud: {} }, /cloud is .*expected what emulatedCloud\(\) gives/],
    [{ envModule: 1 }, /envModule is 1, expected a path or a URL/],
    [null, /its options are null, expected an object/],
  ])('an option of the wrong kind is refused before anything begins: %j', async (options, message) => {
    await expect(train({} as never, options as never)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringMatching(message),
    })
  })

  test('refuses options that it does not know, a resume of nothing, and a file that is none', async () => {
    const wrong = async (options: object) =>
      await train(setting, options as TrainOptions).catch((error: unknown) => error)
    expect(await wrong({ onprogress() {} })).toMatchObject({
      code: 'E_USAGE',
      message: "train: there is no option 'onprogress'; did you mean 'onProgress'?",
    })
    expect(await wrong({ resume: true })).toMatchObject({ code: 'E_USAGE' })
    expect(await wrong({ checkpointSeconds: 0 })).toMatchObject({ code: 'E_USAGE' })
    await expect(train('https://example.com/a.ts')).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(train(join(folder, 'none.ts'))).rejects.toMatchObject({ code: 'E_EXPERIMENT' })
  })

  test("what a user's observer throws ends the run with that error, from a promise, too", async () => {
    const mine = new TypeError('mine')
    const throwing = [
      {
        onUpdate: () => {
          throw mine
        },
      },
      { onUpdate: async () => await Promise.reject(mine) },
    ]
    for (const observer of throwing) await expect(trained(setting, { observer })).rejects.toBe(mine)
  })

  const ENV = `export class Echo {
    static maxEpisodeSteps = 10
    observationSpace = { kind: 'discrete', n: 2 }
    actionSpace = { kind: 'discrete', n: 2 }
    reset(o) { o[0] = 1 }
    step(a, o) { o[0] = 1; return { reward: a === 1 ? 1 : 0, terminated: false, truncated: false } }
  }`

  test('an env of your own comes from the module that is named; without one the sentence says what to pass', async () => {
    const file = join(folder, "bob's-env.mjs")
    writeFileSync(file, ENV)
    const { Echo } = (await import(pathToFileURL(file).href)) as { Echo: ExperimentInput['env'] }
    const own = { ...setting, env: Echo }
    await expect(trained(own)).rejects.toMatchObject({
      code: 'E_EXPERIMENT',
      message: expect.stringMatching(/'Echo'.*pass envModule, for example new URL/),
    })
    for (const envModule of [file, pathToFileURL(file), pathToFileURL(file).href])
      expect((await trained(own, { envModule })).summary.reason).toBe('envSteps')
    await expect(trained(own, { envModule: join(folder, 'no.mjs') })).rejects.toMatchObject({
      message: expect.stringMatching(/there is no module .*no\.mjs/),
    })
    writeFileSync(join(folder, 'other.mjs'), 'export const a = 1, b = null, c = () => 1, d = {}')
    await expect(trained(own, { envModule: join(folder, 'other.mjs') })).rejects.toThrow(
      /other\.mjs has no env 'Echo'; export its class/,
    )
  })

  test('a module that begins a run as it is loaded is refused, by functions and by train', async () => {
    const file = join(folder, 'env.mjs')
    writeFileSync(file, ENV)
    const { Echo } = (await import(pathToFileURL(file).href)) as { Echo: ExperimentInput['env'] }
    const program = join(folder, 'program.mjs')
    writeFileSync(
      program,
      `import { train } from 'millrace'\nexport { Echo } from './env.mjs'\nexport default {}\nawait train('program.mjs')`,
    )
    await expect(trained({ ...setting, env: Echo }, { envModule: program })).rejects.toThrow(
      /calls train\(\) as it is loaded/,
    )
    await expect(train(program)).rejects.toMatchObject({
      message: expect.stringMatching(/calls train\(\) while train\(\) loads it/),
    })
  })

  test('runs share a cloud, one after the other and side by side', async () => {
    await using cloud = await emulatedCloud({ serial: true })
    const results = await Promise.all([1, 2, 3].map((seed) => train({ ...setting, seed }, { cloud })))
    for (const { summary } of results)
      expect(summary).toMatchObject({ reason: 'envSteps', progress: { dropped: { foreign: 0, duplicate: 0 } } })
  })
})

describe('a run folder', () => {
  test('an interrupted run goes on from it, to its limit and past one that is raised', async () => {
    const run = join(folder, 'run')
    const first = await interrupted(run, 5)
    expect(first).toMatchObject({ runFolder: run, summary: { reason: 'interrupted' } })
    const made = first.summary.progress.updates
    expect(lines(run)).toEqual(upTo(made))
    expect(json(run, 'config.json')).toMatchObject({ attempt: 1 })
    expect(json(run, 'summary.json')).toMatchObject({ attempt: 1, progress: { updates: made } })
    expect(json(run, 'policy.json')).toMatchObject({ policyVersion: made })

    const second = await trained(setting, { runFolder: run, resume: true })
    const { progress } = second.summary
    expect(second.summary.reason).toBe('envSteps')
    expect(progress.updates).toBeGreaterThan(made)
    expect(progress.costUsd).toBeGreaterThan(first.summary.progress.costUsd)
    expect(progress.atMs).toBeGreaterThan(first.summary.progress.atMs)
    const logged = lines(run)
    expect(logged).toEqual(upTo(logged.length))
    expect(json(run, 'summary.json')).toMatchObject({ attempt: 2, run: first.summary.run })

    const files = readdirSync(run).toSorted()
    expect(files.filter((name) => name.startsWith('.') || name === 'progress.json')).toEqual([])
    const over = await trained(setting, {
      runFolder: run,
      resume: true,
      observer: { onStart: () => expect.unreachable('it is over') },
    })
    expect(over).toEqual(second)
    expect(readdirSync(run).toSorted()).toEqual(files)

    const raised = await trained({ ...setting, stop: { envSteps: 5_000 } }, { runFolder: run, resume: true })
    expect(raised.summary.progress.envSteps).toBeGreaterThanOrEqual(5_000)
    const all = lines(run)
    expect(all).toEqual(upTo(all.length))
  })

  test('resume begins where there is no folder yet, an empty one, or one without a checkpoint', async () => {
    const run = join(folder, 'a', 'run')
    expect((await trained(setting, { runFolder: run, resume: true })).summary.reason).toBe('envSteps')
    rmSync(join(run, 'checkpoints'), { recursive: true })
    rmSync(join(run, 'summary.json'))
    await trained(setting, { runFolder: run, resume: true })
    const logged = lines(run)
    expect(logged).toEqual(upTo(logged.length))
    expect(json(run, 'summary.json')).toMatchObject({ attempt: 2 })
  })

  test('other settings, another version, another experiment and a folder of something else are refused in a sentence', async () => {
    const run = join(folder, 'run')
    await interrupted(run, 3)
    const before = readdirSync(run).toSorted()
    const refusal = async (input: ExperimentInput, runFolder = run) =>
      await trained(input, { runFolder, resume: true }).then(
        () => 'it was taken',
        (error: unknown) => error,
      )
    expect(await refusal({ ...setting, seed: 9, rollouts: { ...setting.rollouts, envsPerShard: 2 } })).toMatchObject({
      code: 'E_RUN_FOLDER',
      message: `the run in ${run} is of other settings: rollouts.envsPerShard was 8 and is 2, seed was 1 and is 9; only stop, budget, faults, rollouts.shards and rollouts.functions may change when a run goes on`,
    })
    expect(await refusal({ ...setting, env: 'CartPole-v1' })).toMatchObject({
      message: expect.stringContaining('env was "Identity-v0" and is "CartPole-v1"'),
    })
    writeFileSync(join(folder, 'mine.txt'), 'mine')
    expect(await refusal(setting, folder)).toMatchObject({
      code: 'E_RUN_FOLDER',
      message: expect.stringContaining('there is no run to go on with'),
    })
    await expect(trained(setting, { runFolder: run })).rejects.toMatchObject({
      message: expect.stringMatching(/holds a run; go on with it/),
    })
    expect(readdirSync(run).toSorted()).toEqual(before)
    const config = json(run, 'config.json')
    writeFileSync(
      join(run, 'config.json'),
      JSON.stringify({ ...config, versions: { ...(config['versions'] as object), millrace: '0.0.9' } }),
    )
    expect(await refusal(setting)).toMatchObject({
      message: expect.stringMatching(/is of Millrace 0\.0\.9, and this is/),
    })
  })

  test('a damaged checkpoint is passed over for the one before; when none is whole the run is refused, and nothing is lost', async () => {
    const run = join(folder, 'run')
    await trained({ ...setting, stop: { envSteps: 2_000 } }, { runFolder: run, checkpointSeconds: 0.001 })
    const [older = '', newest = ''] = checkpoints(run)
    const path = join(run, 'checkpoints', newest)
    const bytes = readFileSync(path)
    bytes[bytes.length - 5]! ^= 1
    writeFileSync(path, bytes)
    writeFileSync(join(run, 'checkpoints', '.half.tmp'), 'x')
    const warnings: string[] = []
    const observer = {
      onEvent: ({ text }: { text: string }) => void warnings.push(text),
      onUpdate: ({ updates }: { updates: number }) => void begun.push(updates),
    }
    const begun: number[] = []
    const more = { ...setting, stop: { envSteps: 4_000 } }
    cpSync(run, join(folder, 'copy'), { recursive: true })
    await trained(more, { runFolder: run, resume: true, observer })
    expect(warnings).toEqual([`${newest}: it is damaged: its content is not what was written`])
    expect(begun[0]).toBe(Number(older.split('-')[0]) + 1)
    const logged = lines(run)
    expect(logged).toEqual(upTo(logged.length))
    expect(existsSync(join(run, 'checkpoints', '.half.tmp'))).toBe(false)

    const copy = join(folder, 'copy')
    truncateSync(join(copy, 'checkpoints', older), 100)
    const metrics = readFileSync(join(copy, 'metrics.jsonl'))
    await expect(trained(more, { runFolder: copy, resume: true })).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringContaining('it is damaged'),
    })
    expect(readFileSync(join(copy, 'metrics.jsonl'))).toEqual(metrics)
  })

  test('auto finds the newest unfinished run of the same settings, and no other', async () => {
    const file = '/somewhere/identity.ts'
    const version = packageManifest().version
    const find = (input: ExperimentInput = setting) =>
      newestUnfinished(folder, { experiment: experiment(input), file, version })
    expect(await find()).toBeUndefined()
    for (const name of ['old', 'new', 'over']) {
      await (name === 'over' ? trained(setting, { runFolder: join(folder, name) }) : interrupted(join(folder, name), 2))
      const config = json(folder, name, 'config.json')
      writeFileSync(join(folder, name, 'config.json'), JSON.stringify({ ...config, file }))
    }
    expect(await find()).toBe(join(folder, 'new'))
    expect(await find({ ...setting, stop: { envSteps: 9_000 } })).toBe(join(folder, 'new'))
    expect(await find({ ...setting, seed: 2 })).toBeUndefined()
    rmSync(join(folder, 'new', 'checkpoints'), { recursive: true })
    expect(await find()).toBe(join(folder, 'old'))
  })
})
