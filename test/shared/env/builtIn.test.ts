import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random, type VectorEnv, asDefinition, envIds, makeEnv, makeVectorEnv } from '../../../shared/env/index.ts'
import { EnvVector } from '../../../shared/env/vector.ts'
import { randomActions } from './playing.ts'

const seeds = fc.integer({ min: 0, max: 2 ** 50 })
const ids = envIds()

const BUFFERS = ['observations', 'rewards', 'terminated', 'truncated', 'episodeReturns', 'episodeLengths'] as const

const bytes = ({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array | Float64Array | Int32Array) =>
  Buffer.from(buffer, byteOffset, byteLength)

/** The last observations of the envs whose episode has just ended: the other rows mean nothing. */
function finalRows({ numEnvs, terminated, truncated, finalObservations }: VectorEnv): Float32Array | Uint8Array {
  const size = finalObservations.length / numEnvs
  return Float32Array.from(finalObservations, (value, i) => {
    const env = Math.floor(i / size)
    return terminated[env] || truncated[env] ? value : 0
  })
}

/** The first buffer that differs, compared bit by bit: a deep comparison of these would take minutes. */
function difference(a: VectorEnv, b: VectorEnv): string | undefined {
  const differs = BUFFERS.find((name) => !bytes(a[name]).equals(bytes(b[name])))
  if (differs !== undefined || bytes(a.finalObservations).equals(bytes(b.finalObservations))) return differs
  return bytes(finalRows(a)).equals(bytes(finalRows(b))) ? undefined : 'finalObservations'
}

/** Steps both with the same random actions; every few steps the ones that were played last again, so that episodes last. */
function expectSame(a: VectorEnv, b: VectorEnv, { steps, random }: { steps: number; random: Random }): void {
  let actions = randomActions(a.actionSpace, a.numEnvs, random)
  for (let t = 0; t < steps; t++) {
    if (random.integer(3) > 0) actions = randomActions(a.actionSpace, a.numEnvs, random)
    for (const vector of [a, b]) vector.step(actions)
    expect(difference(a, b), `at step ${t}`).toBeUndefined()
  }
}

describe.each(ids.filter((id) => 'makeVector' in asDefinition(id)))('%s', (id) => {
  test('its own vector form gives the trajectories of the plain env behind the generic one, bit for bit', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 5 }), (seed, numEnvs) => {
        const own = makeVectorEnv(id, { numEnvs })
        const generic = new EnvVector(asDefinition(id), numEnvs)
        expect([own.observationSpace, own.actionSpace]).toEqual([generic.observationSpace, generic.actionSpace])
        // Twice: what the first run kept from its last episode must not reach the second.
        for (const again of [0, 1]) {
          for (const vector of [own, generic]) vector.reset(seed + again)
          expect(difference(own, generic)).toBeUndefined()
          expectSame(own, generic, { steps: 110, random: new Random(seed) })
        }
      }),
      { numRuns: 5 },
    )
  })

  test('both forms refuse actions outside the space with the same sentence', () => {
    const wrong = [-1, 6, 0.5, NaN].filter((action) => id !== 'CartPole-v1' || !Number.isNaN(action))
    const sentences = [makeVectorEnv(id, { numEnvs: 2 }), new EnvVector(asDefinition(id), 2)].map((vector) =>
      wrong.map((action) => {
        vector.reset(1)
        try {
          vector.step(Float32Array.of(0, action))
          return 'taken'
        } catch (error) {
          return (error as Error).message
        }
      }),
    )
    expect(sentences[0]).toEqual(sentences[1])
    expect(sentences[0]?.[1]).toMatch(/ got action 6.*, which is not in .* \(env 1, episode step 0\)$/)
  })

  test('an episode is truncated at the time limit and not before, and a vector of the plain env agrees', () => {
    const limit = asDefinition(id).maxEpisodeSteps
    if (limit === undefined) return
    const own = makeVectorEnv(id, { numEnvs: 1 })
    const generic = new EnvVector(asDefinition(id), 1)
    for (const vector of [own, generic]) {
      vector.reset(1)
      vector.load!({ ...vector.save!()!, episodeLengths: [limit - 2] })
    }
    const still = own.actionSpace.kind === 'discrete' ? Int32Array.of(0) : Float32Array.of(0)
    for (const cut of [0, 1]) {
      for (const vector of [own, generic]) vector.step(still)
      expect([own.truncated[0], own.terminated[0]]).toEqual([cut, 0])
      expect(difference(own, generic)).toBeUndefined()
    }
  })
})

test.each(ids)('%s: saved at any step and loaded, through JSON, into any form, it goes on the same', (id) => {
  const forms = [() => makeVectorEnv(id, { numEnvs: 2 }), () => new EnvVector(asDefinition(id), 2)] as const
  fc.assert(
    fc.property(seeds, fc.integer({ min: 0, max: 150 }), (seed, before) => {
      const random = new Random(seed)
      for (const [make, makeOther] of [forms, [forms[1], forms[0]]] as const) {
        const first = make()
        first.reset(seed)
        for (let t = 0; t < before; t++) first.step(randomActions(first.actionSpace, 2, random))
        const other = makeOther()
        other.load!(JSON.parse(JSON.stringify(first.save!())))
        expect(other.observations).toEqual(first.observations)
        expectSame(first, other, { steps: 60, random })
      }
    }),
    { numRuns: 4 },
  )
})

test.each(ids)('%s: a config field that it does not take is refused, in either form', (id) => {
  const refusal: unknown = expect.objectContaining({
    code: 'E_ENV_CONFIG',
    message: expect.stringContaining(`${id} has no config field 'zzz'`),
  })
  expect(() => makeEnv(id, { zzz: 1 })).toThrow(refusal)
  expect(() => makeVectorEnv(id, { numEnvs: 1, config: { zzz: 1 } })).toThrow(refusal)
})

test.each([-0.1, 1.1, NaN])('MinAtar refuses a probability of %d', (stickyActionProbability) => {
  expect(() => makeVectorEnv('MinAtar/Breakout-v1', { numEnvs: 1, config: { stickyActionProbability } })).toThrow(
    expect.objectContaining({ code: 'E_ENV_CONFIG', message: expect.stringMatching(/within 0\.\.1, got /) }),
  )
})

test('a sticky action is the last one played, also that of the episode before', () => {
  const env = makeVectorEnv('MinAtar/Breakout-v1', { numEnvs: 1, config: { stickyActionProbability: 1 } })
  env.reset(1)
  const paddle = () => env.observations.findIndex((value, i) => value === 1 && i % 4 === 0 && i >= 360) / 4 - 90
  const state = env.save!()!
  const [row = []] = state.envs as readonly (readonly number[])[]
  // The last action is the first number of a row: left, then nothing else whatever is asked for.
  env.load!({ ...state, envs: [[1, ...row.slice(1)]] })
  for (let t = 0; t < 40; t++) {
    const before = env.terminated[0] === 1 ? 4 : paddle()
    env.step(Int32Array.of(2))
    if (env.terminated[0] === 0) expect(paddle()).toBe(Math.max(0, before - 1))
  }
  expect(env.episodeLengths[0]).toBeLessThan(40)
})

test.each(ids)('%s: the same seed gives the same stream, whatever ran before', (id) => {
  const [used, fresh] = [makeVectorEnv(id, { numEnvs: 2 }), makeVectorEnv(id, { numEnvs: 2 })]
  const random = new Random(1)
  used.reset(99)
  for (let t = 0; t < 30; t++) used.step(randomActions(used.actionSpace, 2, random))
  for (const vector of [used, fresh]) vector.reset(5)
  expectSame(used, fresh, { steps: 30, random })
})
