import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { makeVectorEnv } from '../../../shared/env/index.ts'
import { type Observations, PolicySession, PolicySpec, outputsOf, policySpecFor } from '../../../shared/policy/index.ts'

const model = readFileSync(new URL('../../golden/policies/cartpole-4-64-64-2.onnx', import.meta.url))
const spec: PolicySpec = {
  observation: { shape: [4] },
  action: { kind: 'discrete', n: 2 },
  distribution: 'categorical',
}

const opened: PolicySession[] = []
afterEach(() => Promise.all(opened.splice(0).map((session) => session.release())))

async function open(batch: number | Observations, bytes: Uint8Array = model): Promise<PolicySession> {
  const session = await PolicySession.load(bytes, spec, batch)
  opened.push(session)
  return session
}

/** The same model with one name changed for another of the same length, which the ONNX encoding allows. */
function renamed(from: string, to: string): Uint8Array {
  return Buffer.from(model.toString('latin1').replaceAll(from, to), 'latin1')
}

test('it reads the given buffer in place and writes the same logits buffer at every run', async () => {
  const env = makeVectorEnv('CartPole-v1', { numEnvs: 3 })
  env.reset(1)
  const session = await open(env.observations)
  const { outputs } = session
  await session.run()
  const before = [...outputs]
  env.step(Int32Array.of(0, 1, 0))
  await session.run()
  expect(session.outputs).toBe(outputs)
  expect([...outputs]).not.toEqual(before)
  const fresh = await open(3)
  fresh.observations.set(env.observations)
  await fresh.run()
  expect([...outputs]).toEqual([...fresh.outputs])
})

test('the network is what its weights say: tanh layers from zero observations give the same row everywhere', async () => {
  const session = await open(5)
  await session.run()
  const rows = Array.from({ length: 5 }, (_, b) => [...session.outputs.subarray(2 * b, 2 * b + 2)])
  expect(new Set(rows.map(String)).size).toBe(1)
  expect(rows[0]!.every(Number.isFinite)).toBe(true)
  expect(session.batch).toBe(5)
})

test('bound to a batch of another size it goes on', async () => {
  const session = await open(2)
  session.bind(new Float32Array(4 * 7).fill(0.01))
  await session.run()
  expect(session.outputs.length).toBe(14)
  expect(() => session.bind(new Float32Array(6))).toThrow(expect.objectContaining({ code: 'E_POLICY_MODEL' }))
})

test.each<[string, Uint8Array, PolicySpec, RegExp]>([
  ['bytes that are no model', Uint8Array.of(1, 2, 3), spec, /of 3 bytes cannot be opened/],
  ['no bytes', new Uint8Array(0), spec, /of 0 bytes cannot be opened/],
  [
    'another input name',
    renamed('observations', 'Observations'),
    spec,
    /'Observations', expected 'observations' as float32 \[N, 4\]/,
  ],
  ['no logits', renamed('logits', 'Logits'), spec, /'Logits', 'value', expected 'logits' as float32 \[N, 2\]/],
  [
    'another observation',
    model,
    { ...spec, observation: { shape: [5] } },
    /'observations' as float32 \[N, 4\], expected .* \[N, 5\]/,
  ],
  [
    'another number of actions',
    model,
    { ...spec, action: { kind: 'discrete', n: 3 } },
    /'logits' as float32 \[N, 2\], expected .* \[N, 3\]/,
  ],
])('a model that does not fit is refused: %s', async (_, bytes, wanted, message) => {
  const loading = PolicySession.load(bytes, wanted, 1)
  await expect(loading).rejects.toMatchObject({ code: 'E_POLICY_MODEL', message: expect.stringMatching(message) })
})

test('release waits for the run that is under way; after it, running is an error and releasing nothing', async () => {
  const session = await open(1)
  const running = session.run()
  await session.release()
  await running
  await session.release()
  await expect(session.run()).rejects.toMatchObject({ code: 'E_POLICY_MODEL' })
})

test('the policy of an environment: its shape and its actions', () => {
  expect(policySpecFor({ kind: 'box', shape: [2, 3], low: 0, high: 1 }, { kind: 'discrete', n: 4 })).toEqual({
    observation: { shape: [2, 3] },
    action: { kind: 'discrete', n: 4 },
    distribution: 'categorical',
  })
  expect(policySpecFor({ kind: 'discrete', n: 6 }, { kind: 'discrete', n: 2 }).observation.shape).toEqual([6])
  expect(
    policySpecFor({ kind: 'box', shape: [], low: 0, high: 1 }, { kind: 'discrete', n: 2 }).observation.shape,
  ).toEqual([1])
})

test('a box of actions gets a normal distribution, with the bounds that its draws are limited to', () => {
  const observation = { kind: 'box', shape: [2], low: 0, high: 1 } as const
  const spec = policySpecFor(observation, { kind: 'box', shape: [3], low: -1, high: [1, 2, 3] })
  expect(spec).toMatchObject({
    action: { kind: 'box', shape: [3], low: -1, high: [1, 2, 3] },
    distribution: 'gaussian',
  })
  expect(outputsOf(spec)).toBe(6)
  expect(PolicySpec.safeParse({ ...spec, distribution: 'categorical' }).success).toBe(false)
})

test('no policy fits bytes or a single action, and the error says so', () => {
  const observation = { kind: 'box', shape: [2], low: 0, high: 1 } as const
  const refused = (message: RegExp) =>
    expect.objectContaining({ code: 'E_POLICY_SPEC', message: expect.stringMatching(message) })
  const bytes = { ...observation, dtype: 'uint8' } as const
  expect(() => policySpecFor(observation, bytes)).toThrow(refused(/Box\(\[2\], 0..1, uint8\)/))
  expect(() => policySpecFor(observation, { kind: 'discrete', n: 1 })).toThrow(refused(/nothing to choose/))
})
