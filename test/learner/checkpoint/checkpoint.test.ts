import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { serialCloud } from '../../../infra/clouds/serial.ts'
import { impala } from '../../../learner/algorithms/impala.ts'
import {
  type Checkpoint,
  checkpointOf,
  decodeCheckpoint,
  encodeCheckpoint,
} from '../../../learner/checkpoint/checkpoint.ts'
import { EpisodeWindow } from '../../../learner/run/episodeWindow.ts'
import { type ExperimentInput, experiment, withOverrides } from '../../../learner/experiment.ts'
import type { UpdateLine } from '../../../learner/run/observer.ts'
import { type TrainOptions, train } from '../../../learner/run/service.ts'
import { makeLearner } from '../../../learner/training/makeLearner.ts'
import { planOf } from '../../../learner/planOf.ts'
import { decodeBatch, encodeBatch, openSealed, sealBatch } from '../../../shared/batch/index.ts'
import type { PolicySpec } from '../../../shared/policy/spec.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { parseInvocation } from '../../../shared/protocol/invocation.ts'
import type { Lease } from '../../../shared/protocol/lease.ts'
import { parseManifest } from '../../../shared/protocol/manifest.ts'

const setting = {
  env: 'Identity-v0',
  algorithm: impala({ learningRate: 5e-3, hidden: [16], gamma: 0.5, trainBatchSteps: 160 }),
  rollouts: { shards: 2, envsPerShard: 8, fragmentLength: 10 },
} satisfies ExperimentInput
const endless = experiment(setting)

interface Attempt {
  readonly checkpoints: readonly { readonly bytes: Uint8Array; readonly updates: number }[]
  readonly lines: readonly UpdateLine[]
  readonly leases: readonly Lease[]
  readonly firstPolicy: Uint8Array | undefined
  readonly events: readonly string[]
  readonly result: Awaited<ReturnType<typeof train>>
}

/** Trains in this process, until `updates` are done where they are given. */
async function attempt(
  one: ReturnType<typeof experiment>,
  options: Partial<TrainOptions> & { readonly updates?: number; readonly everyMs?: number } = {},
): Promise<Attempt> {
  const { updates, everyMs = 1e9, ...rest } = options
  const cloud = serialCloud()
  const abort = new AbortController()
  const checkpoints: { bytes: Uint8Array; updates: number }[] = []
  const lines: UpdateLine[] = []
  const leases: Lease[] = []
  const policies: Uint8Array[] = []
  const events: string[] = []
  try {
    const result = await train(one, {
      run: 'run',
      cloud: {
        ...cloud,
        invoker: {
          invoke(payload) {
            leases.push(...parseInvocation(JSON.parse(new TextDecoder().decode(payload))))
            return cloud.invoker.invoke(payload)
          },
        },
        store: {
          ...cloud.store,
          put(key, body, condition) {
            if (key.endsWith('/manifest.json'))
              policies.push(new Uint8Array(Buffer.from(parseManifest(body).policy.inline ?? '', 'base64')))
            return cloud.store.put(key, body, condition)
          },
        },
      },
      observer: {
        onUpdate(line) {
          lines.push(line)
          if (lines.length === updates) abort.abort()
        },
        onEvent: ({ text }) => void events.push(text),
      },
      signal: abort.signal,
      checkpoint: { everyMs, save: async (bytes, at) => void checkpoints.push({ bytes, updates: at }) },
      ...rest,
    })
    return { checkpoints, lines, leases, firstPolicy: policies[0], events, result }
  } finally {
    await cloud.close()
  }
}

const learnerOf = (checkpoint: Checkpoint) => {
  const { setting: size } = planOf(endless)
  const policy: PolicySpec = {
    observation: { shape: [2] },
    action: { kind: 'discrete', n: 2 },
    distribution: 'categorical',
  }
  return makeLearner(endless, { setting: size, policy, trainWorker: undefined, state: checkpoint.program })
}

test('an interrupted run goes on from its last checkpoint: weights and moments bit for bit, every clock, and on to its goal', async () => {
  const first = await attempt(endless, { updates: 6 })
  expect(first.result.summary.reason).toBe('interrupted')
  expect(first.checkpoints).toHaveLength(2)
  expect(first.checkpoints[0]?.updates).toBe(1)
  const { bytes, updates } = first.checkpoints[1]!
  const saved = decodeCheckpoint(bytes)
  expect(updates).toBeGreaterThanOrEqual(6)
  expect(saved.state.clocks.updates).toBe(updates)
  expect(saved.program.sets['policy']?.step).toBe(updates)
  expect(saved.state.clocks.trainedSteps).toBe(updates * 160)
  expect(saved.program.sets['policy']?.slots['mean']?.some((value) => value !== 0)).toBe(true)
  expect(saved.report.curve.length).toBeGreaterThan(0)

  const learner = learnerOf(saved)
  expect(await learner.save()).toEqual(saved.program)
  const goal = withOverrides(endless, { 'stop.meanReturn': '47', 'stop.envSteps': '400000' })
  const second = await attempt(goal, { run: 'run.2', attempt: 2, resume: bytes })
  expect(second.firstPolicy).toEqual(await learner.policy())
  await learner.close()
  expect(second.lines[0]).toMatchObject({ updates: updates + 1, trainedSteps: (updates + 1) * 160 })
  expect(second.lines[0]?.envSteps).toBeGreaterThan(saved.state.clocks.envSteps)
  expect(second.lines[0]?.atMs).toBeGreaterThan(saved.report.elapsedMs)
  expect(second.lines[0]?.episodes).toBeGreaterThanOrEqual(saved.state.episodes)
  expect(second.leases[0]?.pacing.baseVersion).toBe(updates)
  expect(second.leases[0]?.seed).not.toBe(first.leases[0]?.seed)
  expect(second.result.summary.reason).toBe('meanReturn')
  expect(second.result.summary.costByPart['learner']).toBeGreaterThan(saved.costByPart['learner']!)
  expect(second.result.summary.curve.slice(0, saved.report.curve.length)).toEqual(
    saved.report.curve.map(({ point }) => point),
  )
})

test('checkpoints made while training agree with themselves, and in deterministic mode versions go on without a gap', async () => {
  const inOrder = experiment({
    ...setting,
    algorithm: setting.algorithm.withConfig({ ...setting.algorithm.config, deterministic: true, publishEvery: 2 }),
  })
  const first = await attempt(inOrder, { updates: 5, everyMs: 0 })
  for (const { bytes, updates } of first.checkpoints) {
    const { program, state: run } = decodeCheckpoint(bytes)
    expect([program.sets['policy']?.step, run.clocks.updates, run.clocks.trainedSteps]).toEqual([
      updates,
      updates,
      updates * 160,
    ])
  }
  const odd = first.checkpoints.find(({ updates }) => updates % 2 === 1)!
  const second = await attempt(inOrder, { run: 'run.2', attempt: 2, resume: odd.bytes, updates: 6 })
  expect(second.lines[0]?.updates).toBe(odd.updates + 1)
  expect(second.lines.every(({ lag }) => lag.max <= 4)).toBe(true)
})

test.each([
  ['diverges', { learningRate: { clock: 'updates', from: 5e-3, to: 3e38, over: 5 } }, 'E_TRAIN_DIVERGED'],
  ['loses its bucket', {}, 'E_STORE'],
] as const)('a run that %s leaves a checkpoint and the policy of its last good update', async (_, change, code) => {
  const saved: { bytes: Uint8Array; updates: number; policy: Uint8Array | undefined }[] = []
  let [manifests, made] = [0, 0]
  const cloud = serialCloud()
  const put: typeof cloud.store.put = async (key, body, condition) => {
    if (code === 'E_STORE' && key.endsWith('/manifest.json') && ++manifests > 8)
      throw new MillraceError('E_STORE', 'there is no such bucket', { status: 404 })
    return await cloud.store.put(key, body, condition)
  }
  const failing = experiment({
    ...setting,
    algorithm: setting.algorithm.withConfig({ ...setting.algorithm.config, ...change }),
  })
  const training = train(failing, {
    run: 'run',
    cloud: { ...cloud, store: { ...cloud.store, put } },
    observer: { onUpdate: () => void made++ },
    checkpoint: {
      everyMs: 1e9,
      atEveryEnd: true,
      withPolicy: true,
      save: async (bytes, updates, policy) => void saved.push({ bytes, updates, policy: policy?.model }),
    },
  })
  await expect(training).rejects.toMatchObject({ code })
  await cloud.close()
  expect(made).toBeGreaterThan(0)
  const last = saved.at(-1)!
  expect(last.updates).toBe(made)
  const learner = learnerOf(decodeCheckpoint(last.bytes))
  expect(await learner.policy()).toEqual(last.policy)
  await learner.close()
})

const inTurn = experiment({
  ...setting,
  algorithm: setting.algorithm.withConfig({ ...setting.algorithm.config, deterministic: true }),
})

test('a deterministic run that cannot go on exactly says why in one sentence, and its summary is marked', async () => {
  const first = await attempt(inTurn, { updates: 3 })
  expect(first.result.summary.deterministic).toBeUndefined()
  const { bytes } = first.checkpoints.at(-1)!
  const { exact: _, ...saved } = decodeCheckpoint(bytes)
  // Its batch, of whole rounds of all shards, stays as large: two fragments.
  const fewer = withOverrides(inTurn, { 'rollouts.shards': '1' })
  for (const [one, resume, why] of [
    [inTurn, encodeCheckpoint(saved), /^it went on from a checkpoint that does not hold where its envs stood/],
    [fewer, bytes, /^it went on with rollouts\.shards \d, and its checkpoint is of \d/],
  ] as const) {
    const { result, events, checkpoints } = await attempt(one, { resume, updates: 5, run: 'run.2', attempt: 2 })
    const { deterministic, notDeterministicBecause: because = '' } = result.summary
    expect([deterministic, because]).toEqual([false, expect.stringMatching(why)])
    expect(events.filter((text) => text.includes(because))).toEqual([
      `this run will not repeat bit for bit: ${because}`,
    ])
    expect(decodeCheckpoint(checkpoints.at(-1)!.bytes).exact).toBeUndefined()
  }
  const exactly = await attempt(inTurn, { resume: bytes, updates: 5, run: 'run.2', attempt: 2 })
  expect(exactly.result.summary.deterministic).toBeUndefined()
})

test('a deterministic run that ended before its first checkpoint begins as it did', async () => {
  const [first, second] = [await attempt(inTurn, { updates: 2 }), await attempt(inTurn, { updates: 2, attempt: 2 })]
  expect(second.leases[0]?.seed).toBe(first.leases[0]?.seed)
  expect(second.result.summary.deterministic).toBeUndefined()
})

test.each([1, 3])('a run goes on at another number of shards: 2, then %i', async (shards) => {
  const two = withOverrides(endless, { 'rollouts.shards': '2' })
  const first = await attempt(two, { updates: 3 })
  const { bytes, updates } = first.checkpoints.at(-1)!
  const other = withOverrides(two, { 'rollouts.shards': String(shards) })
  const second = await attempt(other, { resume: bytes, updates: updates + 5, run: 'run.2', attempt: 2 })
  expect(second.lines[0]?.updates).toBe(updates + 1)
  expect(second.result.summary.progress.updates).toBeGreaterThanOrEqual(updates + 5)
  expect(new Set(second.leases.map(({ shard }) => shard)).size).toBe(shards)
})

test('a save that fails is told and the run goes on; nothing is saved where nothing was trained', async () => {
  const failing = async () => Promise.reject(new Error('the bucket is gone'))
  const { events, result } = await attempt(endless, { updates: 3, checkpoint: { everyMs: 0, save: failing } })
  expect(events[0]).toMatch(/^no checkpoint at update \d+: the bucket is gone$/)
  expect(result.summary.progress.updates).toBeGreaterThanOrEqual(3)
  const { checkpoints } = await attempt(endless, { signal: AbortSignal.abort() })
  expect(checkpoints).toEqual([])
})

test('time and money of the earlier attempt count: one that has used up its seconds is over at once', async () => {
  const first = await attempt(endless, { updates: 2 })
  const { bytes } = first.checkpoints.at(-1)!
  const late = decodeCheckpoint(bytes)
  const spent = encodeCheckpoint({
    ...late,
    report: { ...late.report, elapsedMs: 3_600_000 },
    costByPart: { functions: 7 },
  })
  const over = await attempt(withOverrides(endless, { 'stop.seconds': '60' }), { resume: spent, run: 'run.2' })
  expect(over.result.summary.reason).toBe('seconds')
  expect(over.result.summary.progress.costUsd).toBeGreaterThanOrEqual(7)
})

test('what a lost attempt took after its checkpoint, or without one, counts too, under a name of its own', async () => {
  const first = await attempt(endless, { updates: 2 })
  const known = decodeCheckpoint(first.checkpoints.at(-1)!.bytes).costByPart
  const sum = Object.values(known).reduce((total, usd) => total + usd, 0)
  for (const [resume, lost] of [
    [first.checkpoints.at(-1)!.bytes, 7 - sum],
    [undefined, 7],
  ] as const) {
    const earlier = { elapsedMs: 3_600_000, costUsd: 7 }
    const one = withOverrides(endless, { 'stop.seconds': '60' })
    const { result } = await attempt(one, { resume, earlier, run: 'run.2', attempt: 2 })
    expect(result.summary.reason).toBe('seconds')
    expect(result.summary.costByPart['lost']).toBeCloseTo(lost, 12)
    expect(result.summary.progress.atMs).toBeGreaterThanOrEqual(3_600_000)
  }
  const { result } = await attempt(endless, { updates: 1 })
  expect(result.summary.costByPart).not.toHaveProperty('lost')
})

test('an attempt that was killed right after it reached its goal is over at once when it goes on, with the same policy', async () => {
  const first = await attempt(endless, { updates: 6 })
  const { bytes } = first.checkpoints.at(-1)!
  const { clocks } = decodeCheckpoint(bytes).state
  const reached = withOverrides(endless, { 'stop.envSteps': String(clocks.envSteps) })
  const { result, lines, leases } = await attempt(reached, { resume: bytes, run: 'run.2', attempt: 2 })
  expect(result.summary).toMatchObject({ reason: 'envSteps', progress: clocks })
  expect(result.policy).toEqual(first.result.policy)
  expect([lines, leases]).toEqual([[], []])
})

test('an attempt that is over before it begins has the policy and the numbers of its checkpoint, and samples nothing', async () => {
  const first = await attempt(endless, { updates: 6 })
  const { bytes } = first.checkpoints.at(-1)!
  const saved = decodeCheckpoint(bytes)
  const { result, leases } = await attempt(endless, { resume: bytes, signal: AbortSignal.abort(), run: 'run.2' })
  expect(leases).toEqual([])
  const learner = learnerOf(saved)
  expect(result.policy).toEqual(await learner.policy())
  await learner.close()
  expect(result.summary).toMatchObject({ reason: 'interrupted', progress: saved.state.clocks })
  expect(result.summary.curve).toEqual(saved.report.curve.map(({ point }) => point))
})

describe('the file', () => {
  const number = fc.float({ noNaN: true, noDefaultInfinity: true })
  const vector = (length: number) => fc.array(number, { minLength: length, maxLength: length })
  const count = fc.nat(1e9)
  const some = fc.record({
    weights: vector(7),
    mean: vector(7),
    returns: fc.array(number, { maxLength: 100 }),
    curve: fc.array(fc.tuple(count, count, number), { maxLength: 20 }),
    clocks: fc.record({ envSteps: count, trainedSteps: count, updates: count }),
  })
  const made = ({ weights, mean, returns, curve, clocks }: typeof some extends fc.Arbitrary<infer T> ? T : never) => ({
    run: 'run.2',
    experiment: 'a'.repeat(64),
    program: {
      sets: {
        actor: { weights: new Float32Array(weights), slots: { mean: new Float32Array(mean) }, step: clocks.updates },
        target: { weights: new Float32Array(mean), slots: {}, step: 0 },
      },
      scalars: { kl_coef: 0.2 },
      calls: { update: clocks.updates },
      random: [1, -2, 3, 4] as const,
    },
    state: { clocks, stale: { fragments: 1, envSteps: 2 }, episodes: 300, lastReturns: new Float64Array(returns) },
    report: {
      elapsedMs: 12.5,
      curveStride: 2,
      curve: curve.map(([update, steps, mean]) => ({ update, point: [steps, mean] as const })),
    },
    costByPart: { functions: 0.25, learner: 1e-7 },
  })

  test('gives back what was put in, bit for bit, and any safetensors reader finds the weights in it', () => {
    fc.assert(
      fc.property(some, (given) => {
        const checkpoint = made(given)
        const bytes = encodeCheckpoint(checkpoint)
        expect(decodeCheckpoint(bytes)).toEqual(checkpoint)
        expect(decodeBatch(bytes).columns['set.actor']?.data).toEqual(checkpoint.program.sets.actor.weights)
      }),
      { numRuns: 50 },
    )
  })

  test('cut short, of another format, of another experiment, or with a NaN in it, it is refused with one sentence', () => {
    const good = made({
      weights: [1],
      mean: [2],
      returns: [],
      curve: [],
      clocks: { envSteps: 1, trainedSteps: 1, updates: 1 },
    })
    const bytes = encodeCheckpoint(good)
    const refusal = (message: RegExp) =>
      expect.objectContaining({ code: 'E_CHECKPOINT', message: expect.stringMatching(message) })
    expect(() => decodeCheckpoint(bytes.subarray(0, -1))).toThrow(refusal(/cannot be read/))
    const { notes, ...batch } = openSealed(bytes)
    const other = { checkpoint: (notes['checkpoint'] ?? '').replace('"format":2', '"format":1') }
    expect(() => decodeCheckpoint(sealBatch({ ...batch, notes: other }))).toThrow(refusal(/format/))
    expect(() => decodeCheckpoint(encodeBatch({ ...batch, notes }))).toThrow(refusal(/carries no digest/))
    const actor = { ...good.program.sets.actor, weights: new Float32Array([Number.NaN]) }
    const broken = { ...good, program: { ...good.program, sets: { actor } } }
    expect(() => decodeCheckpoint(encodeCheckpoint(broken))).toThrow(refusal(/set\.actor is not of finite/))
    expect(() => checkpointOf(endless, bytes)).toThrow(refusal(/run\.2 is of another experiment/))
  })

  test('any flipped bit, any byte more or less is refused: of ten thousand damaged ones none is taken', () => {
    const bytes = encodeCheckpoint(
      made({
        weights: Array.from({ length: 300 }, (_, i) => i / 7),
        mean: Array.from({ length: 300 }, (_, i) => -i),
        returns: [1, 2, 3],
        curve: [[1, 2, 3]],
        clocks: { envSteps: 10, trainedSteps: 9, updates: 3 },
      }),
    )
    const refusal = expect.objectContaining({ name: 'MillraceError', code: 'E_CHECKPOINT' })
    for (let i = 0; i < 10_000; i++) {
      const bad = bytes.slice()
      bad[Math.floor((i / 10_000) * bytes.length)]! ^= 1 << (i % 8)
      expect(() => decodeCheckpoint(bad)).toThrow(refusal)
    }
    expect(() => decodeCheckpoint(new Uint8Array([...bytes, 0]))).toThrow(refusal)
    expect(() => decodeCheckpoint(bytes.subarray(0, -4))).toThrow(refusal)
  })

  test('weights that do not fit the network are refused before anything runs', async () => {
    const first = await attempt(endless, { updates: 1 })
    const saved = decodeCheckpoint(first.checkpoints.at(-1)!.bytes)
    const policy = { ...saved.program.sets['policy']!, weights: new Float32Array(3) }
    const small = encodeCheckpoint({ ...saved, program: { ...saved.program, sets: { ...saved.program.sets, policy } } })
    await expect(attempt(endless, { resume: small })).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(
        /has 3 weights of 'policy' and optimizer state mean, square; the experiment has \d+/,
      ),
    })
  })
})

test('a window of returns goes on as if nothing had been: same mean, same number, same next one to leave', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { maxLength: 30 }),
      fc.array(fc.integer(), { maxLength: 30 }),
      (before, after) => {
        const whole = new EpisodeWindow(8)
        const resumed = new EpisodeWindow(8)
        for (const value of before) whole.add(value)
        resumed.restore(whole.last(), whole.episodes)
        for (const value of after) for (const one of [whole, resumed]) one.add(value)
        expect([resumed.episodes, resumed.full, resumed.last()]).toEqual([whole.episodes, whole.full, whole.last()])
        expect(resumed.mean()).toBeCloseTo(whole.mean() ?? 0, 9)
      },
    ),
    { examples: [[[], [1]]] },
  )
})
