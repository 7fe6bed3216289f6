import { expect, test } from 'vitest'
import { type Env, contains, describeSpace, makeVectorEnv } from '../../../shared/env/index.ts'
import { checkedSpace } from '../../../shared/env/checkedSpace.ts'
import { Once, SayBoth, Spot } from './ownSpaces.ts'

const named = (make: () => Env) => ({ id: 'Own', maxEpisodeSteps: 10, make })

test('a vector shows the masks of the observations that it shows: after reset, a step, the end of an episode, and load', () => {
  const env = makeVectorEnv(Once, { numEnvs: 2 })
  const masks = env.actionMasks as Uint8Array
  env.reset(1)
  expect([...masks]).toEqual(Array.from({ length: 12 }, () => 1))
  env.step(Int32Array.of(2, 0))
  env.step(Int32Array.of(3, 5))
  const after = [1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0]
  expect([...masks]).toEqual(after)
  const other = makeVectorEnv(Once, { numEnvs: 2 })
  other.load?.(env.save?.() as never)
  expect([...(other.actionMasks as Uint8Array)]).toEqual(after)
  for (const [a, b] of [
    [0, 1],
    [1, 2],
    [4, 3],
    [5, 4],
  ] as const)
    env.step(Int32Array.of(a, b))
  expect([...env.terminated]).toEqual([1, 1])
  expect([...masks]).toEqual(Array.from({ length: 12 }, () => 1))
})

test('a mask that leaves a choice nothing, or has another flag than 0 and 1, is a fault of the env with its place', () => {
  const masking = (actionMask: (mask: Uint8Array) => void) => () => Object.assign(new SayBoth(), { actionMask })
  const refuses = (actionMask: (mask: Uint8Array) => void, message: RegExp) => {
    const env = makeVectorEnv(named(masking(actionMask)), { numEnvs: 1 })
    expect(() => env.reset(1)).toThrow(
      expect.objectContaining({ code: 'E_ENV_STEP', message: expect.stringMatching(message) }),
    )
  }
  refuses((mask) => mask.fill(0, 3), /masks every action of choice 1 .*at least one must stay/)
  refuses((mask) => mask.fill(2, 0, 1), /gave 2 at element 0 of its action mask/)
  refuses(() => {
    throw new Error('no')
  }, /failed to mask its actions: Error: no/)
  const boxed = () =>
    Object.assign(new Spot(), { actionSpace: { kind: 'box', shape: [1], low: 0, high: 1 }, actionMask() {} })
  expect(() => makeVectorEnv(named(boxed as () => Env), { numEnvs: 1 })).toThrow(/actions are a box/)
})

test('several choices are given to each env as its own list, and one that there is not is refused', () => {
  const env = makeVectorEnv(SayBoth, { numEnvs: 3 })
  env.reset(4)
  const said = () => Int32Array.from({ length: 6 }, (_, i) => env.observations[i] ?? 0)
  for (let i = 0; i < 3; i++) if (env.observations[2 * i] === 0) env.observations[2 * i + 1] ||= 1
  env.step(said())
  expect([...env.rewards].every((reward) => reward >= 1)).toBe(true)
  for (const [action, message] of [
    [Int32Array.of(0, 1, 3, 1, 0, 1), /action 3 at element 0, which is not in MultiDiscrete\(\[3, 4\]\) \(env 1/],
    [Float32Array.of(0, 1, 0, 1, 0, 1.5), /action 1.5 at element 1/],
    [Int32Array.of(0, 1), /got 2 action values, expected 6/],
  ] as const)
    expect(() => env.step(action)).toThrow(message)
})

test('an observation of bytes is bytes from the vector on: the same numbers, checked before they are narrowed', () => {
  const bytes = makeVectorEnv(Spot, { numEnvs: 4 })
  const floats = makeVectorEnv(
    named(() =>
      Object.assign(new Spot(), {
        observationSpace: { kind: 'box', shape: [5, 4, 2], low: 0, high: 255 },
      }),
    ),
    { numEnvs: 4 },
  )
  expect(bytes.observations).toBeInstanceOf(Uint8Array)
  expect(bytes.finalObservations).toBeInstanceOf(Uint8Array)
  for (const env of [bytes, floats]) env.reset(3)
  for (let t = 0; t < 25; t++) {
    expect([...bytes.observations]).toEqual([...floats.observations])
    for (const env of [bytes, floats]) env.step(Int32Array.of(0, 1, 0, 1))
    expect([...bytes.rewards]).toEqual([...floats.rewards])
    if (bytes.truncated[0] === 1) expect(bytes.finalObservations[39]).toBe(7)
  }
  for (const [value, message] of [
    [256, /observation of 256 at element 3, outside its space/],
    [0.5, /observation of 0.5 at element 3/],
    [Number.NaN, /observation of NaN at element 3/],
  ] as const) {
    const odd = makeVectorEnv(
      named(() => Object.assign(new Spot(), { reset: (o: Float32Array) => void (o.fill(0)[3] = value) })),
      { numEnvs: 1 },
    )
    expect(() => odd.reset(1)).toThrow(message)
  }
})

test('of several choices: described, contained, checked; as observations refused', () => {
  const space = { kind: 'multiDiscrete', nvec: [3, 2] } as const
  expect(describeSpace(space)).toBe('MultiDiscrete([3, 2])')
  expect(contains(space, [2, 1])).toBe(true)
  for (const value of [[3, 0], [0, 2], [0], [0.5, 0]]) expect(contains(space, value)).toBe(false)
  expect(contains(space, 1)).toBe(false)
  expect(checkedSpace({ ...space, nvec: Int32Array.of(3, 2) }, 'it')).toEqual(space)
  expect(() => checkedSpace({ kind: 'multiDiscrete' }, 'it')).toThrow(/nvec is undefined, expected a list of integers/)
  expect(() => checkedSpace({ kind: 'multiDiscrete', nvec: [3, 0] }, 'it')).toThrow(/element 1 of nvec is 0/)
  const shown = () => Object.assign(new SayBoth(), { observationSpace: space })
  expect(() => makeVectorEnv(named(shown as unknown as () => Env), { numEnvs: 1 })).toThrow(/only actions may be/)
})
