import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { rolloutColumnSpecs } from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { CartPole } from '../../../shared/env/cartPole.ts'
import { Random, deriveSeed, makeVectorEnv } from '../../../shared/env/index.ts'
import type { EnvDefinition } from '../../../shared/env/index.ts'
import { PolicySession, policySpecFor } from '../../../shared/policy/index.ts'
import { Collector } from '../../../shared/rollout/collector.ts'
import { FragmentBuffer, FragmentPool } from '../../../shared/rollout/fragmentBuffer.ts'

const model = readFileSync(new URL('../../golden/policies/cartpole-4-64-64-2.onnx', import.meta.url))
const LIMIT = 18
/** Episodes that are as often cut off as they end by themselves. */
const short: EnvDefinition = { id: 'CartPole-short', maxEpisodeSteps: LIMIT, make: (config) => new CartPole(config) }
const origin = { run: 'r', shard: 0, lease: 'l', sequence: 0 }
const [T, B, D] = [20, 6, 4]

const opened: PolicySession[] = []
afterEach(() => Promise.all(opened.splice(0).map((session) => session.release())))

async function session(): Promise<PolicySession> {
  const env = new CartPole()
  const policy = await PolicySession.load(model, policySpecFor(env.observationSpace, env.actionSpace), B)
  opened.push(policy)
  return policy
}

async function collector(seed: number, options: { greedy?: boolean } = {}): Promise<Collector> {
  const made = new Collector({ env: makeVectorEnv(short, { numEnvs: B }), fragmentLength: T, seed, ...options })
  made.usePolicy(await session(), 3)
  return made
}

/** A fragment as plain numbers, which stay when its buffer is used again. */
function plain({ columns }: SampleBatch): Record<string, number[]> {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, [...column.data]]))
}

async function next(from: Collector): Promise<Record<string, number[]>> {
  const fragment = await from.collect()
  const values = plain(fragment.toBatch(origin))
  fragment.release()
  return values
}

test.each([{ greedy: false }, { greedy: true }])(
  'every column is what plain envs, stepped one by one with its actions, give: %j',
  async (options) => {
    const seed = 5
    const collected = await collector(seed, options)
    const policy = await session()
    const envs = Array.from({ length: B }, (_, b) => ({
      env: new CartPole(),
      random: new Random(deriveSeed(seed, 'env', b)),
      row: new Float32Array(D),
      length: 0,
    }))
    for (const one of envs) one.env.reset(one.row, one.random)
    const ends = { terminated: 0, truncated: 0 }
    for (let n = 0; n < 8; n++) {
      const got = await next(collected)
      const expected: Record<string, number[]> = {
        observations: [],
        rewards: [],
        terminated: [],
        truncated: [],
        final_index: [],
        final_observations: [],
        episode_returns: [],
        episode_lengths: [],
      }
      for (let t = 0; t < T; t++) {
        envs.forEach((one, b) => policy.observations.set(one.row, b * D))
        expected['observations']!.push(...policy.observations)
        await policy.run()
        envs.forEach((one, b) => {
          const at = t * B + b
          const action = got['actions']![at]!
          const [l0, l1] = [policy.outputs[2 * b]!, policy.outputs[2 * b + 1]!]
          const logProb = (action === 0 ? l0 : l1) - Math.log(Math.exp(l0) + Math.exp(l1))
          expect(got['behaviour_log_probs']![at]).toBeCloseTo(logProb, 6)
          if (options.greedy) expect(action).toBe(l1 > l0 ? 1 : 0)
          const { reward, terminated } = one.env.step(action, one.row)
          one.length++
          const truncated = !terminated && one.length === LIMIT
          expected['rewards']!.push(reward)
          expected['terminated']!.push(Number(terminated))
          expected['truncated']!.push(Number(truncated))
          if (!terminated && !truncated) return
          expected['episode_returns']!.push(one.length)
          expected['episode_lengths']!.push(one.length)
          if (truncated) {
            expected['final_index']!.push(at)
            expected['final_observations']!.push(...one.row)
          }
          one.env.reset(one.row, one.random)
          one.length = 0
        })
      }
      const bootstrap = envs.flatMap((one) => [...one.row])
      expect({ ...got, actions: [], behaviour_log_probs: [] }).toEqual({
        ...expected,
        bootstrap_observations: bootstrap,
        policy_versions: Array.from({ length: T }, () => 3),
        actions: [],
        behaviour_log_probs: [],
      })
      ends.terminated += got['terminated']!.reduce((a, b) => a + b)
      ends.truncated += got['final_index']!.length
    }
    // Both kinds of end have to occur for the comparison to mean something.
    expect(ends.truncated).toBeGreaterThan(0)
    if (!options.greedy) expect(ends.terminated).toBeGreaterThan(0)
  },
)

test('a batch has the documented columns, types and shapes, and knows its version and its steps', async () => {
  const fragment = await (await collector(2)).collect()
  const { columns, provenance, notes } = fragment.toBatch({ ...origin, sequence: 9 }, { env: 'CartPole-short' })
  const [K, E] = [columns['final_index']!.data.length, columns['episode_lengths']!.data.length]
  expect(Object.fromEntries(Object.entries(columns).map(([name, c]) => [name, [c.dtype, ...c.shape]]))).toEqual({
    observations: ['F32', T, B, D],
    bootstrap_observations: ['F32', B, D],
    actions: ['U8', T, B],
    behaviour_log_probs: ['F32', T, B],
    rewards: ['F32', T, B],
    terminated: ['U8', T, B],
    truncated: ['U8', T, B],
    final_index: ['I32', K],
    final_observations: ['F32', K, D],
    policy_versions: ['I32', T],
    episode_returns: ['F32', E],
    episode_lengths: ['I32', E],
  })
  for (const column of Object.values(columns)) expect(column.data.length).toBe(column.shape.reduce((a, b) => a * b, 1))
  expect(provenance).toEqual({ ...origin, sequence: 9, policyVersion: 3, envSteps: T * B })
  expect(notes).toEqual({ env: 'CartPole-short' })
})

test('the same seed and policy give the same fragments byte for byte, another seed others', async () => {
  const [one, same, other] = [await collector(11), await collector(11), await collector(12)]
  for (let n = 0; n < 3; n++) {
    const values = await next(one)
    expect(await next(same)).toEqual(values)
    expect((await next(other))['observations']).not.toEqual(values['observations'])
  }
})

test('the random streams are the ones they have always been', async () => {
  const values = await next(await collector(1))
  expect(values['actions']!.slice(0, 24).join('')).toMatchInlineSnapshot(`"110111100001001101000111"`)
  expect(values['observations']!.slice(0, 4)).toMatchInlineSnapshot(`
    [
      -0.007728311233222485,
      0.028325967490673065,
      0.0064278049394488335,
      0.047821640968322754,
    ]
  `)
})

test('a fragment stays whole while the next one is collected, and its memory comes back with release', async () => {
  const collected = await collector(4)
  const first = await collected.collect()
  const before = plain(first.toBatch(origin))
  const second = await collected.collect()
  expect(plain(first.toBatch(origin))).toEqual(before)
  await expect(collected.collect()).rejects.toMatchObject({ code: 'E_INTERNAL' })
  first.release()
  first.release()
  expect(await collected.collect()).toBe(first)
  await expect(collected.collect()).rejects.toMatchObject({ code: 'E_INTERNAL' })
  second.release()
})

test('a policy given within a fragment acts from the next step on, and every step names its version', async () => {
  const collected = await collector(4)
  const collecting = collected.collect()
  collected.usePolicy(await session(), 4)
  const versions = [...(await collecting).policyVersions]
  expect(versions[0]).toBe(3)
  expect(versions.at(-1)).toBe(4)
  expect(versions).toEqual(versions.toSorted((a, b) => a - b))
})

test('saved between fragments, another collector goes on with the same fragments', async () => {
  const [one, other] = [await collector(6), await collector(7)]
  await next(one)
  other.load(JSON.parse(JSON.stringify(one.save())))
  for (let n = 0; n < 3; n++) expect(await next(other)).toEqual(await next(one))
})

test('misuse is named: no policy, two collects at once, a policy for other observations, continuous actions', async () => {
  const env = makeVectorEnv(short, { numEnvs: B })
  const bare = new Collector({ env, fragmentLength: T, seed: 1 })
  await expect(bare.collect()).rejects.toMatchObject({
    code: 'E_INTERNAL',
    message: expect.stringContaining('usePolicy'),
  })
  const collected = await collector(1)
  const first = collected.collect()
  await expect(collected.collect()).rejects.toMatchObject({
    code: 'E_INTERNAL',
    message: expect.stringContaining('one fragment at a time'),
  })
  await first
  const identity = new Collector({
    env: makeVectorEnv('Identity-v0', { numEnvs: 6, config: { n: 2 } }),
    fragmentLength: T,
    seed: 1,
  })
  const policy = await session()
  expect(() => identity.usePolicy(policy, 0)).toThrow(expect.objectContaining({ code: 'E_POLICY_MODEL' }))
  const boxed = Object.assign(makeVectorEnv(short, { numEnvs: B }), {
    actionSpace: { kind: 'box', shape: [1], low: 0, high: 1 },
  })
  const continuous = new Collector({ env: boxed, fragmentLength: T, seed: 1 })
  expect(() => continuous.usePolicy(policy, 0)).toThrow(expect.objectContaining({ code: 'E_POLICY_MODEL' }))
})

const form = (n: number) => ({
  T: 1,
  B: 1,
  columns: rolloutColumnSpecs({ observation: { shape: [1] }, action: { kind: 'discrete', n } }),
})

test('actions over 256 kinds take four bytes', () => {
  const dtype = (n: number) => new FragmentBuffer(form(n)).toBatch(origin).columns['actions']?.dtype
  expect([dtype(256), dtype(257)]).toEqual(['U8', 'I32'])
})

test('a pool hands out no buffer twice at once and makes no more than are ever out', () => {
  const pool = new FragmentPool(form(2), 3)
  const out = [pool.acquire(), pool.acquire(), pool.acquire()]
  expect(new Set(out).size).toBe(3)
  out[1]!.release()
  expect(pool.acquire()).toBe(out[1])
  for (const buffer of [out[0]!, out[2]!, out[2]!]) buffer.release()
  expect(new Set([pool.acquire(), pool.acquire()]).size).toBe(2)
})
