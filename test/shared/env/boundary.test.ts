import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { makeVectorEnv, type Env, type Space } from '../../../shared/env/index.ts'

const BOX: Space = { kind: 'box', shape: [3], low: -1, high: [1, 2, Infinity] }

interface Ways {
  readonly reset?: (observation: Float32Array, episode: number) => unknown
  readonly step?: (observation: Float32Array, step: number) => unknown
  readonly space?: Space
}

const good = { reward: 1, terminated: false, truncated: false }

/** An env of JavaScript's, where nothing keeps a user to the types. */
const envOf = ({ reset = (o) => void o.fill(0), step = () => good, space = BOX }: Ways) => {
  let episodes = 0
  let steps = 0
  return {
    id: 'Odd',
    make: () =>
      ({
        observationSpace: space,
        actionSpace: { kind: 'discrete', n: 2 },
        reset: (observation: Float32Array) => reset(observation, ++episodes),
        step: (_action: unknown, observation: Float32Array) => step(observation, ++steps),
      }) as Env,
  }
}

function play(ways: Ways, steps = 1): void {
  const env = makeVectorEnv(envOf(ways), { numEnvs: 1 })
  env.reset(1)
  for (let t = 0; t < steps; t++) env.step(Int32Array.of(0))
}

const refusal = (message: RegExp, episodeStep: number): unknown =>
  expect.objectContaining({
    code: 'E_ENV_STEP',
    message: expect.stringMatching(message),
    where: expect.objectContaining({ env: 'Odd', envIndex: 0, episodeStep }),
  })

test.each<[string, unknown, RegExp]>([
  [
    'a Promise',
    Promise.resolve(),
    /^Odd gave a Promise from reset \(env 0, episode step 0\); reset and step are synchronous/,
  ],
  ['a list', [1, 2, 3], /gave \[1,2,3\] from reset .*write the first observation into its first parameter/],
  ['Gymnasium’s pair', [[1, 2, 3], {}], /gave \[\[1,2,3\],\{\}\] from reset/],
  ['an object', { observation: [1] }, /gave \{"observation":\[1\]\} from reset/],
  ['null', null, /gave null from reset/],
])('a reset that returns %s is refused', (_, given, message) => {
  expect(() => play({ reset: (o) => (o.fill(0), given) })).toThrow(refusal(message, 0))
})

test('a reset may return the very observation that it was given', () => {
  play({ reset: (o) => o.fill(0) })
})

test.each<[string, unknown, RegExp]>([
  ['a Promise', Promise.resolve(good), /gave a Promise from step .*Atomics\.wait/],
  ['nothing', undefined, /gave undefined from step .*step returns \{ reward: a number/],
  ['a number', 1, /gave 1 from step/],
  ['Gymnasium’s list', [[0], 1, false, false, {}], /gave a list from step: .*writes the observation into its second/],
  ['a string for a reward', { ...good, reward: '1' }, /gave a reward of "1" \(a string\)/],
  ['a BigInt for a reward', { ...good, reward: 1n }, /gave a reward of 1n \(a BigInt\)/],
  ['no reward', { terminated: false, truncated: false }, /gave a reward of undefined/],
  ['a list for a reward', { ...good, reward: [1] }, /gave a reward of \[1\]/],
  ['NaN for a reward', { ...good, reward: Number.NaN }, /gave a reward of NaN/],
  ['done', { reward: 1, done: false }, /gave no terminated from step but done: did you mean terminated\?/],
  ['terminate', { reward: 1, terminate: false, truncated: false }, /no terminated from step but terminate: did you/],
  ['terminatd', { reward: 1, terminatd: false, truncated: false }, /no terminated from step but terminatd: did you/],
  ['truncate', { reward: 1, terminated: false, truncate: false }, /no truncated from step but truncate: did you/],
  ['no truncated', { reward: 1, terminated: false }, /gave no truncated from step \(/],
  ['a string for a flag', { ...good, terminated: 'false' }, /gave terminated "false" \(a string\) .*is true or false/],
  ['a number for a flag', { ...good, truncated: 0 }, /gave truncated 0 /],
])('a step that returns %s is refused', (_, given, message) => {
  expect(() => play({ step: () => given })).toThrow(refusal(message, 1))
})

test('what is wrong with step is seen whenever it happens, not at the start alone', () => {
  expect(() => play({ step: (_, step) => (step === 5_000 ? { reward: 1 } : good) }, 5_000)).toThrow(
    refusal(/gave no terminated/, 5_000),
  )
})

test('fields of a step’s result are read once', () => {
  let reads = 0
  const outcome = {
    get reward() {
      return reads++ === 0 ? 1 : 'never read'
    },
    terminated: false,
    truncated: false,
  }
  play({ step: () => outcome })
  expect(reads).toBe(1)
})

test('every element that reset leaves out is seen, in the first episode and in any later one', () => {
  fc.assert(
    fc.property(fc.subarray([0, 1, 2]), fc.integer({ min: 1, max: 4 }), (written, from) => {
      const ways: Ways = {
        reset: (o, episode) => {
          if (episode < from) o.fill(0)
          else for (const i of written) o[i] = 0
        },
        step: () => ({ ...good, terminated: true }),
      }
      // One that never writes anything has nothing to see.
      if (written.length === 3 || (written.length === 0 && from === 1)) return play(ways, 5)
      const what = `wrote ${written.length} of the 3`
      expect(() => play(ways, 5)).toThrow(refusal(new RegExp(`^Odd ${what} elements of its observation in reset`), 0))
    }),
    { numRuns: 40 },
  )
})

test('NaN that an env writes is told from an element that it does not write', () => {
  expect(() => play({ reset: (o) => void o.fill(Number.NaN) })).toThrow(
    refusal(/gave an observation of NaN at element 0/, 0),
  )
})

test('a step may leave elements as they are', () => {
  play({ step: () => good }, 3)
})

test('an env that takes the observation and never writes to it sees zeros, and its user is told once', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  const ways = { reset: (o: Float32Array) => void o, step: () => ({ ...good, terminated: true }) }
  const env = makeVectorEnv(
    { id: 'Blank', make: () => ({ ...ways, observationSpace: BOX, actionSpace: { kind: 'discrete', n: 2 } }) as never },
    { numEnvs: 4 },
  )
  env.reset(1)
  env.step(new Int32Array(4))
  expect(Array.from(env.observations)).toEqual(Array.from({ length: 12 }, () => 0))
  expect(warn.mock.calls).toEqual([
    ['warning: Blank writes nothing into the observation in reset; it is taken for zeros'],
  ])
  warn.mockRestore()
})

test('an env that does not take the observation has nothing to see: zeros', () => {
  class Blind {
    readonly observationSpace = BOX
    readonly actionSpace: Space = { kind: 'discrete', n: 2 }
    reset(): void {}
    step() {
      return good
    }
  }
  const env = makeVectorEnv(Blind, { numEnvs: 2 })
  env.reset(1)
  env.step(Int32Array.of(0, 0))
  expect([...env.observations]).toEqual([0, 0, 0, 0, 0, 0])
})

test('an observation is refused exactly where it is outside its bounds, as float32, infinities allowed', () => {
  const value = fc.oneof(fc.float(), fc.constantFrom(-1, 1, 2, 1.0000001, -1.0000002, 2 ** 100))
  fc.assert(
    fc.property(fc.tuple(value, value, value), fc.boolean(), (values, atReset) => {
      const [low, high] = [
        [-1, -1, -1],
        [1, 2, 3.4028234663852886e38],
      ]
      const wrong = values.findIndex((v, i) => !(Math.fround(v) >= low[i]! && Math.fround(v) <= high[i]!))
      const write = (o: Float32Array) => o.set(values)
      const act = () => play(atReset ? { reset: write } : { step: (o) => (write(o), good) })
      if (wrong < 0) act()
      else
        expect(act).toThrow(refusal(new RegExp(`gave an observation of .* at element ${wrong}[ ,]`), atReset ? 0 : 1))
    }),
  )
})

test('what is outside names the space, the bounds there, and what to do', () => {
  expect(() => play({ step: (o) => ((o[1] = 300), good) })).toThrow(
    'Odd gave an observation of 300 at element 1, outside its space Box([3], -1..Infinity) (-1..2 there) (env 0, episode step 1); widen',
  )
})

test('an observation of bytes is whole, and the first element that is not, or is outside, is named', () => {
  const space: Space = { kind: 'box', shape: [3], low: 0, high: 200, dtype: 'uint8' }
  const gives =
    (...values: number[]) =>
    () =>
      play({ space, step: (o) => (o.set(values), good) })
  expect(gives(0, 200, 7)).not.toThrow()
  expect(gives(0, 0.5, 201)).toThrow(refusal(/gave an observation of 0.5 at element 1 .*; .* is a whole number/, 1))
  expect(gives(0, 201, 0.5)).toThrow(refusal(/201 at element 1, outside its space Box\(\[3\], 0..200, uint8\)/, 1))
  expect(gives(0, 0, Number.NaN)).toThrow(refusal(/NaN at element 2/, 1))
})

test.each([3, -1, 0.5, Number.NaN])('a discrete observation of %s is refused', (index) => {
  const space: Space = { kind: 'discrete', n: 3 }
  expect(() => play({ space, step: (o) => ((o[0] = index), good) })).toThrow(
    refusal(/gave observation .*, which is not in Discrete\(3\)/, 1),
  )
})

test('a discrete observation that reset does not write is refused', () => {
  expect(() => play({ space: { kind: 'discrete', n: 3 }, reset: () => undefined })).toThrow(
    refusal(/did not write its observation in reset/, 0),
  )
})

test('the Promise of an async method does not end the process when it rejects later', async () => {
  const rejected: unknown[] = []
  const listen = (reason: unknown) => void rejected.push(reason)
  process.on('unhandledRejection', listen)
  const late = () => Promise.reject(new Error('later'))
  expect(() => play({ reset: late })).toThrow(/a Promise from reset/)
  expect(() => play({ step: late })).toThrow(/a Promise from step/)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', listen)
  expect(rejected).toEqual([])
})

test('an env without its methods, or a make that gives none, is refused when it is made', () => {
  const make = (made: unknown) => () => makeVectorEnv({ id: 'Odd', make: () => made as Env }, { numEnvs: 1 })
  const config = (message: RegExp): unknown =>
    expect.objectContaining({ code: 'E_ENV_CONFIG', message: expect.stringMatching(message) })
  expect(make({ observationSpace: BOX })).toThrow(config(/it has no method reset/))
  expect(make({ reset: () => undefined, step: 5 })).toThrow(config(/it has no method step: step is 5/))
  const works = { reset: () => undefined, step: () => undefined }
  for (const [given, why] of [
    [{ save: () => 0 }, /it has save and no load: give both/],
    [{ load: () => undefined }, /it has load and no save: give both/],
    [{ close: 'yes' }, /close is "yes" \(a string\), expected a method/],
  ] as const)
    expect(make({ ...works, ...given })).toThrow(config(why))
  expect(make(undefined)).toThrow(config(/make gave undefined, expected an env/))
  expect(make(Promise.resolve())).toThrow(config(/make gave a Promise; it is synchronous/))
})

test.each(['max_episode_steps', 'maxEpisodeStep', 'MaxEpisodeSteps'])(
  'a static %s is refused: nothing reads it',
  (name) => {
    const Named = class extends class {} {
      readonly observationSpace = BOX
      readonly actionSpace = BOX
      reset(): void {}
      step() {
        return good
      }
    }
    Object.assign(Named, { id: 'Named', [name]: 5 })
    expect(() => makeVectorEnv(Named, { numEnvs: 1 })).toThrow(/Named has a static .*; did you mean maxEpisodeSteps\?/)
  },
)

test('a limit that is no integer is refused', () => {
  const limit = (maxEpisodeSteps: unknown) => () =>
    makeVectorEnv({ ...envOf({}), maxEpisodeSteps: maxEpisodeSteps as number }, { numEnvs: 1 })
  expect(limit('10')).toThrow(/maxEpisodeSteps of Odd is "10" \(a string\), expected an integer >= 1/)
  expect(limit(Infinity)).toThrow(/leave it out for no limit/)
})

test('a load that returns a Promise is refused: the env would go on before its state is there', () => {
  const odd = envOf({})
  const makeLate = () => ({ ...odd.make(), save: () => 0, load: async () => await Promise.reject(new Error('late')) })
  const env = makeVectorEnv({ ...odd, make: makeLate }, { numEnvs: 1 })
  env.reset(1)
  const state = env.save!()!
  expect(() => env.load!(state)).toThrow(refusal(/^Odd gave a Promise from load .*; load is synchronous/, 0))
})
