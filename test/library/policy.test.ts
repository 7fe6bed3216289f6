import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Policy, loadPolicy } from '../../library/policy.ts'
import { readObservation } from '../../library/observation.ts'
import { PolicySession } from '../../shared/policy/index.ts'
import { Random } from '../../shared/random.ts'
import { policy as model, runFolder, spec } from './runFolders.ts'

let cwd: string
let folder: string
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  folder = await runFolder(join(cwd, 'run'))
})
afterAll(() => rmSync(cwd, { recursive: true }))

const opened: Policy[] = []
afterEach(() => Promise.all(opened.splice(0).map((policy) => policy.close())))
async function load(...given: Parameters<typeof loadPolicy>): Promise<Policy> {
  const policy = await loadPolicy(...given)
  opened.push(policy)
  return policy
}

const random = new Random(1)
const observations = Array.from({ length: 64 }, () => Array.from({ length: 4 }, () => random.uniformBetween(-2, 2)))

/** What the model itself says, row by row. */
async function likeliest(): Promise<number[]> {
  const session = await PolicySession.load(model, spec, Float32Array.from(observations.flat()))
  await session.run()
  const actions = observations.map((_, i) => (session.outputs[2 * i + 1]! > session.outputs[2 * i]! ? 1 : 0))
  await session.release()
  return actions
}

describe('loadPolicy', () => {
  test('a run folder, its policy.onnx, a file URL and the bytes with their specification are the same policy', async () => {
    const expected = await likeliest()
    expect(new Set(expected).size).toBe(2)
    const file = join(folder, 'policy.onnx')
    for (const source of [folder, file, pathToFileURL(file), { policy: model, spec }]) {
      const policy = await load(source)
      expect(policy.spec).toEqual(spec)
      expect([...(await policy.actBatch(observations))]).toEqual(expected)
    }
    const first = await load(folder)
    expect(await (await load(first)).act(observations[0]!)).toBe(expected[0]) // a loaded policy is a source as well
  })

  test('a thousand calls at once, single ones and batches, each get the answer to their own observation', async () => {
    const expected = await likeliest()
    const policy = await load(folder)
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, call) => {
        const i = call % 64
        if (call % 7 !== 0) return (await policy.act(Float32Array.from(observations[i]!))) === expected[i]
        const some = observations.slice(i, i + 3)
        const flat = Float32Array.from(some.flat())
        const actions = await policy.actBatch(call % 2 === 0 ? some : flat)
        return some.every((_row, j) => actions[j] === expected[i + j])
      }),
    )
    expect(answers.filter((right) => right)).toHaveLength(1000)
  })

  test('a call reads its observation at once: a buffer that is used again does not change the answer', async () => {
    const expected = await likeliest()
    const policy = await load(folder)
    const buffer = new Float32Array(4)
    const calls = observations.map((observation) => {
      buffer.set(observation)
      return policy.act(buffer)
    })
    expect(await Promise.all(calls)).toEqual(expected)
  })

  test('stochastic draws follow the stream that was given, and differ from the likeliest', async () => {
    const policy = await load(folder)
    const draw = async (seed: number) => [
      ...(await policy.actBatch(observations, { stochastic: true, random: new Random(seed) })),
    ]
    expect(await draw(7)).toEqual(await draw(7))
    expect(await draw(7)).not.toEqual(await draw(8))
    expect([0, 1]).toContain(await policy.act(observations[0]!, { stochastic: true }))
  })

  test('an observation that does not fit is refused in one sentence, and the next call is answered', async () => {
    const policy = await load(folder)
    const cases: [unknown, RegExp][] = [
      [[1, 2, 3], /^the observation has 3 elements; the policy takes 4 numbers \(shape \[4\]\)$/],
      [new Float32Array(5), /has 5 elements/],
      [[0, 0, Number.NaN, 0], /^element 2 of the observation is NaN, expected a finite number$/],
      [[0, 0, 1e300, 0], /^element 2 of the observation is 1e\+300, expected a finite number$/],
      [[0, 0, '1', 0], /element 2 of the observation is '1'/],
      [[[0], 0, 1, 0], /flat array, row by row/],
      [2, /^the observation is the number 2; the policy takes 4 numbers/],
      [undefined, /^the observation is undefined/],
      [null, /^the observation is null/],
      [{ observation: [0, 0, 0, 0] }, /^the observation is an object with observation/],
    ]
    for (const [observation, message] of cases) {
      await expect(policy.act(observation as number[])).rejects.toMatchObject({
        code: 'E_USAGE',
        message: expect.stringMatching(message),
      })
    }
    await expect(policy.actBatch([[0, 0, 0, 0], [1]])).rejects.toThrow(/^observation 1 has 1 elements/)
    await expect(policy.actBatch(new Float32Array(6))).rejects.toThrow(/6 numbers/)
    await expect(policy.actBatch(3 as never)).rejects.toThrow(/takes a list/)
    await expect(policy.act([0, 0, 0, 0], { stochastic: true, random: {} as never })).rejects.toThrow(/no uniform\(\)/)
    const misspelt = { stochastik: true } as never
    for (const refused of [policy.act([0, 0, 0, 0], misspelt), policy.actBatch([[0, 0, 0, 0]], misspelt)])
      await expect(refused).rejects.toMatchObject({
        code: 'E_USAGE',
        message: expect.stringMatching(/'stochastik'; did you mean 'stochastic'\?$/),
      })
    for (const options of [null, 7, { stochastic: 1 }])
      await expect(policy.act([0, 0, 0, 0], options as never)).rejects.toMatchObject({ code: 'E_USAGE' })
    expect([...(await policy.actBatch([]))]).toEqual([])
    expect([0, 1]).toContain(await policy.act([0, 0, 0, 0]))
  })

  test('closing waits for the calls under way; afterwards a call says so; twice is once', async () => {
    const policy = await loadPolicy(folder)
    const calls = Array.from({ length: 10 }, (_, i) => policy.act(observations[i]!))
    await Promise.all([policy.close(), policy.close()])
    expect(await Promise.all(calls)).toHaveLength(10)
    await expect(policy.act(observations[0]!)).rejects.toMatchObject({
      code: 'E_POLICY_MODEL',
      message: 'the policy is closed; load it again',
    })
    await using again = await loadPolicy(folder)
    expect(await again.act(observations[0]!)).toBeTypeOf('number')
  })

  test('what is no policy gets a sentence with a code, never a TypeError', async () => {
    mkdirSync(join(cwd, 'empty'))
    copyFileSync(join(folder, 'policy.onnx'), join(cwd, 'alone.onnx'))
    writeFileSync(join(folder, 'other.onnx'), model)
    const cases: [unknown, string, RegExp][] = [
      [join(cwd, 'nope'), 'E_POLICY_MODEL', /^there is no policy at .*nope: no such file or folder$/],
      [join(cwd, 'empty'), 'E_POLICY_MODEL', /empty is no policy of a run: there is no policy\.json in it$/],
      [join(cwd, 'alone.onnx'), 'E_POLICY_MODEL', /no policy\.json beside it; give \{ policy, spec \}/],
      [join(folder, 'other.onnx'), 'E_POLICY_MODEL', /is not the policy\.onnx/],
      [new URL('https://example.com/policy.onnx'), 'E_USAGE', /reads files, got https:/],
      [undefined, 'E_USAGE', /^loadPolicy takes a run folder.*; got undefined$/],
      [null, 'E_USAGE', /got null$/],
      [7, 'E_USAGE', /got the number 7$/],
      [model, 'E_USAGE', /got a Uint8Array$/],
      [{ policy: [1, 2], spec }, 'E_USAGE', /got an object with policy, spec$/],
      [{ policy: model }, 'E_POLICY_SPEC', /^loadPolicy was given bytes without a specification that fits: spec/],
      [{ policy: Uint8Array.of(1), spec }, 'E_POLICY_MODEL', /of 1 bytes cannot be opened/],
    ]
    for (const [source, code, message] of cases)
      await expect(loadPolicy(source as string), String(message)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      })
  })
})

test('a discrete observation is given as its index and reaches the model one-hot; so does the row itself', () => {
  const discrete = { ...spec, observation: { shape: [3], oneHot: true as const } }
  const read = (observation: number | readonly number[]) => {
    const row = new Float32Array(3)
    readObservation(discrete, observation, row)
    return [...row]
  }
  expect(read(1)).toEqual([0, 1, 0])
  expect(read([0, 0, 1])).toEqual([0, 0, 1])
  for (const wrong of [3, -1, 0.5, Number.NaN]) expect(() => read(wrong)).toThrow(/the policy takes an index 0 … 2/)
  const one = new Float32Array(1)
  readObservation({ ...spec, observation: { shape: [1] } }, 0.25, one)
  expect(one[0]).toBe(0.25) // a box of one number, as a number
})
