import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random, deriveSeed, makeVectorEnv } from '../../../shared/env/index.ts'
import type { Env, EnvDefinition, Space, StepOutcome } from '../../../shared/env/index.ts'
import { cartPole } from '../../../shared/env/cartPole.ts'
import { EnvVector } from '../../../shared/env/vector.ts'

const seeds = fc.integer({ min: 0, max: 2 ** 50 })

/** Draws an episode's length and rewards (multiples of 1/4, exact in float32); shows (episode, step). */
class Counting implements Env {
  readonly observationSpace: Space = { kind: 'box', shape: [2], low: 0, high: Infinity }
  readonly actionSpace: Space = { kind: 'discrete', n: 3 }
  protected episode = 0
  protected at = 0
  private length = 0
  private random = new Random(0)

  reset(observation: Float32Array, random: Random): void {
    this.random = random
    this.length = 1 + random.integer(6)
    this.episode++
    this.at = 0
    observation.set([this.episode, this.at])
  }

  step(action: number | Float32Array, observation: Float32Array): StepOutcome {
    this.at++
    observation.set([this.episode, this.at])
    const last = this.at >= this.length
    return {
      reward: this.random.integer(8) / 4 + Number(action),
      terminated: last && this.length % 2 === 0,
      truncated: last && this.length % 3 === 0,
    }
  }
}

const counting = (maxEpisodeSteps = 4): EnvDefinition => ({
  id: 'Counting',
  maxEpisodeSteps,
  make: () => new Counting(),
})

function expectCode(act: () => unknown, code: string, message: RegExp): void {
  expect(act).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
}

test('every env steps as it would alone: rewards, flags, returns, lengths, final and first observations', () => {
  fc.assert(
    fc.property(
      seeds,
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 40 }),
      (seed, numEnvs, actions) => {
        const limit = 4
        const vector = new EnvVector(counting(limit), numEnvs)
        vector.reset(seed)
        const alone = Array.from({ length: numEnvs }, (_, i) => ({
          env: new Counting(),
          random: new Random(deriveSeed(seed, 'env', i)),
          observation: new Float32Array(2),
          sum: 0,
          length: 0,
        }))
        for (const one of alone) one.env.reset(one.observation, one.random)
        for (const action of actions) {
          vector.step(new Int32Array(numEnvs).fill(action))
          alone.forEach((one, i) => {
            const outcome = one.env.step(action, one.observation)
            one.sum += outcome.reward
            one.length++
            const terminated = outcome.terminated
            const truncated = !terminated && (outcome.truncated || one.length === limit)
            expect(vector.rewards[i]).toBe(outcome.reward)
            expect([vector.terminated[i], vector.truncated[i]]).toEqual([Number(terminated), Number(truncated)])
            expect([vector.episodeReturns[i], vector.episodeLengths[i]]).toEqual([one.sum, one.length])
            if (terminated || truncated) {
              expect(vector.finalObservations.subarray(2 * i, 2 * i + 2)).toEqual(one.observation)
              one.env.reset(one.observation, one.random)
              one.sum = 0
              one.length = 0
            }
            expect(vector.observations.subarray(2 * i, 2 * i + 2)).toEqual(one.observation)
          })
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('CartPole’s own vector form gives the trajectories of the plain env behind the generic one, bit for bit', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 9 }), (seed, numEnvs) => {
      const vectors = [makeVectorEnv('CartPole-v1', { numEnvs }), new EnvVector(cartPole, numEnvs)] as const
      const random = new Random(seed)
      for (const vector of vectors) vector.reset(seed)
      for (let t = 0; t < 60; t++) {
        const actions = Int32Array.from({ length: numEnvs }, () => random.integer(2))
        for (const vector of vectors) vector.step(actions)
        const [own, generic] = vectors
        for (const name of [
          'observations',
          'rewards',
          'terminated',
          'truncated',
          'finalObservations',
          'episodeReturns',
          'episodeLengths',
        ] as const) {
          expect(own[name], `${name} at ${t}`).toEqual(generic[name])
        }
      }
    }),
    { numRuns: 15 },
  )
})

test('an env’s trajectory depends on seed, index and actions, not on how many envs there are or what ran before', () => {
  const few = makeVectorEnv('CartPole-v1', { numEnvs: 2 })
  const many = makeVectorEnv('CartPole-v1', { numEnvs: 7 })
  many.reset(99)
  many.step(new Int32Array(7))
  few.reset(5)
  many.reset(5)
  for (let t = 0; t < 50; t++) {
    few.step(new Int32Array(2).fill(t % 2))
    many.step(new Int32Array(7).fill(t % 2))
    expect(many.observations.subarray(0, 8)).toEqual(few.observations)
  }
})

test('CartPole is truncated at 500 steps and nowhere before, when a controller balances it', () => {
  const env = makeVectorEnv('CartPole-v1', { numEnvs: 1 })
  env.reset(3)
  for (let t = 1; t <= 500; t++) {
    const [x, xDot, theta, thetaDot] = env.observations as unknown as [number, number, number, number]
    env.step(Int32Array.of(0.1 * x + 0.3 * xDot + 3 * theta + thetaDot > 0 ? 1 : 0))
    expect([env.terminated[0], env.truncated[0]]).toEqual([0, Number(t === 500)])
  }
  expect([env.episodeReturns[0], env.episodeLengths[0]]).toEqual([500, 500])
})

test.each([
  [
    'CartPole’s own form',
    () => makeVectorEnv('CartPole-v1', { numEnvs: 3 }),
    () => makeVectorEnv('CartPole-v1', { numEnvs: 3 }),
  ],
  ['CartPole behind the generic one', () => new EnvVector(cartPole, 3), () => new EnvVector(cartPole, 3)],
  ['from one form to the other', () => new EnvVector(cartPole, 3), () => makeVectorEnv('CartPole-v1', { numEnvs: 3 })],
  [
    'an env with a stream of its own',
    () => makeVectorEnv('Identity-v0', { numEnvs: 3, config: { n: 5 } }),
    () => makeVectorEnv('Identity-v0', { numEnvs: 3, config: { n: 5 } }),
  ],
])('saved at any step and loaded, through JSON, it goes on the same: %s', (_, make, makeOther) => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 0, max: 70 }), (seed, before) => {
      const first = make()
      first.reset(seed)
      for (let t = 0; t < before; t++) first.step(Int32Array.of(t % 2, 1, 0))
      const other = makeOther()
      other.load!(JSON.parse(JSON.stringify(first.save!())))
      expect(other.observations).toEqual(first.observations)
      for (let t = 0; t < 70; t++) {
        for (const vector of [first, other]) vector.step(Int32Array.of(0, t % 2, 1))
        for (const name of [
          'observations',
          'rewards',
          'terminated',
          'truncated',
          'episodeReturns',
          'episodeLengths',
        ] as const) {
          expect(other[name]).toEqual(first[name])
        }
      }
    }),
    { numRuns: 8 },
  )
})

test('an env that cannot be saved says so, and a state of another size is refused', () => {
  const vector = new EnvVector(counting(), 2)
  vector.reset(1)
  expect(vector.save()).toBeUndefined()
  const three = makeVectorEnv('CartPole-v1', { numEnvs: 3 })
  three.reset(1)
  expectCode(
    () => makeVectorEnv('CartPole-v1', { numEnvs: 2 }).load!(three.save!()!),
    'E_ENV_CONFIG',
    /3 envs .* expected 2/,
  )
})

test('a discrete observation is one-hot, also the final one', () => {
  const env = makeVectorEnv('Identity-v0', { numEnvs: 4, config: { n: 3 } })
  expect(env.observationSpace).toEqual({ kind: 'box', shape: [3], low: 0, high: 1 })
  env.reset(8)
  for (let t = 1; t <= 50; t++) {
    const seen = Int32Array.from({ length: 4 }, (_, i) => env.observations.subarray(3 * i, 3 * i + 3).indexOf(1))
    for (let i = 0; i < 4; i++)
      expect([...env.observations.subarray(3 * i, 3 * i + 3)].toSorted((a, b) => a - b)).toEqual([0, 0, 1])
    env.step(seen)
    expect([...env.rewards]).toEqual([1, 1, 1, 1])
    expect([...env.truncated]).toEqual(Array.from({ length: 4 }, () => Number(t === 50)))
  }
  expect([...env.finalObservations].reduce((a, b) => a + b)).toBe(4)
  expect([...env.episodeReturns]).toEqual([50, 50, 50, 50])
})

/** Misbehaves in one way in the second env at the third step. */
class Faulty extends Counting {
  private readonly fault: string
  private readonly broken: boolean
  constructor(fault: string, broken: boolean) {
    super()
    this.fault = fault
    this.broken = broken
  }
  override step(action: number | Float32Array, observation: Float32Array): StepOutcome {
    super.step(action, observation)
    const outcome = { reward: 0, terminated: false, truncated: false }
    if (!this.broken || this.at !== 3) return outcome
    if (this.fault === 'throw') throw new RangeError('the ground gave way')
    if (this.fault === 'final') outcome.terminated = true
    if (this.fault === 'reward') outcome.reward = NaN
    if (this.fault === 'overflow') outcome.reward = 1e39
    if (this.fault === 'observation' || this.fault === 'final') observation[1] = NaN
    if (this.fault === 'infinite') observation[0] = -Infinity
    return outcome
  }
}

test.each([
  ['throw', /failed to step: RangeError: the ground gave way/],
  ['reward', /gave a reward of NaN/],
  ['overflow', /gave a reward of 1e\+39/],
  ['observation', /gave an observation of NaN at element 1/],
  ['infinite', /gave an observation of -Infinity at element 0/],
  ['final', /gave an observation of NaN at element 1/],
])('a fault (%s) is an error that names env, index and episode step', (fault, message) => {
  let made = 0
  const vector = new EnvVector({ id: 'Faulty', make: () => new Faulty(fault, made++ === 1) }, 3)
  const step = () => vector.step(new Int32Array(3))
  const act = () => {
    vector.reset(1)
    step()
    step()
    step()
  }
  expectCode(act, 'E_ENV_STEP', message)
  // An env that throws has not done the step, any other has.
  const episodeStep = fault === 'throw' ? 2 : 3
  const where: unknown = expect.objectContaining({ env: 'Faulty', envIndex: 1, episodeStep })
  expect(act).toThrow(expect.objectContaining({ where }))
  expectCode(act, 'E_ENV_STEP', /env 1, episode step/)
})

test.each([
  ['the generic form', () => new EnvVector(cartPole, 1)],
  ['CartPole’s own', () => makeVectorEnv('CartPole-v1', { numEnvs: 1 })],
])('an episode that ends by itself in the last step it has is terminated, not truncated: %s', (_, make) => {
  const env = make()
  env.reset(1)
  env.load!({ ...env.save!()!, envs: [[2.39, 5, 0, 0]], episodeLengths: [499] })
  env.step(Int32Array.of(1))
  expect([env.terminated[0], env.truncated[0], env.episodeLengths[0]]).toEqual([1, 0, 500])
})

test.each([
  ['the generic form', () => new EnvVector(cartPole, 2)],
  ['CartPole’s own', () => makeVectorEnv('CartPole-v1', { numEnvs: 2 })],
])('actions outside the space, in the wrong number, or before the first reset are refused by %s', (_, make) => {
  const env = make()
  expectCode(() => env.step(new Int32Array(2)), 'E_ENV_STEP', /before its first reset/)
  env.reset(1)
  expectCode(() => env.step(new Int32Array(3)), 'E_ENV_STEP', /got 3 action values, expected 2/)
  expectCode(() => env.step(Int32Array.of(0, 2)), 'E_ENV_STEP', /got action 2, which is not in Discrete\(2\) \(env 1/)
  expectCode(() => env.step(Float32Array.of(0.5, 0)), 'E_ENV_STEP', /got action 0.5/)
})

test('box actions reach the env as its own row, and outside their bounds are refused', () => {
  const seen: number[][] = []
  class Steered extends Counting {
    override readonly actionSpace: Space = { kind: 'box', shape: [2], low: [-1, 0], high: 0.1 }
    override step(action: number | Float32Array, observation: Float32Array): StepOutcome {
      seen.push([...(action as Float32Array)])
      return super.step(0, observation)
    }
  }
  const vector = new EnvVector({ id: 'Steered', make: () => new Steered() }, 2)
  vector.reset(1)
  vector.step(Float32Array.of(-1, 0, 0.1, 0.0625))
  expect(seen).toEqual([
    [-1, 0],
    [Math.fround(0.1), 0.0625],
  ])
  expectCode(() => vector.step(Float32Array.of(0, 0, 0, -0.5)), 'E_ENV_STEP', /got action -0.5 at element 1, .*\(env 1/)
  expectCode(() => vector.step(Float32Array.of(NaN, 0, 0, 0)), 'E_ENV_STEP', /got action NaN at element 0/)
})
