import { expect, test } from 'vitest'
import { CartPole, asDefinition, envIds, makeEnv, makeVectorEnv, registerEnv } from '../../../shared/env/index.ts'
import type { Env, EnvSource, StepOutcome } from '../../../shared/env/index.ts'

class Corridor implements Env {
  static readonly id: string = 'Corridor'
  static readonly maxEpisodeSteps = 7
  readonly observationSpace = { kind: 'box', shape: [], low: 0, high: 1 } as const
  readonly actionSpace = { kind: 'discrete', n: 2 } as const
  readonly length: number
  constructor({ length = 5 }: { readonly length?: number }) {
    this.length = length
  }
  reset(observation: Float32Array): void {
    observation[0] = 0
  }
  step(_action: number | Float32Array, observation: Float32Array): StepOutcome {
    observation[0] = 1 / this.length
    return { reward: 0, terminated: false, truncated: false }
  }
}

const refuses = (act: () => unknown, code: string, message: RegExp) =>
  expect(act).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))

test('a user’s class is an env: its config reaches the constructor, its statics give id and time limit', () => {
  expect(asDefinition(Corridor)).toMatchObject({ id: 'Corridor', maxEpisodeSteps: 7 })
  expect(asDefinition(Corridor)).toBe(asDefinition(Corridor))
  expect(makeEnv(Corridor, { length: 4 })).toMatchObject({ length: 4 })
  const vector = makeVectorEnv(Corridor, { numEnvs: 2, config: { length: 4 } })
  vector.reset(1)
  for (let t = 0; t < 7; t++) vector.step(new Int32Array(2))
  expect([...vector.truncated]).toEqual([1, 1])
  expect([...vector.finalObservations]).toEqual([0.25, 0.25])
  expect(vector.observationSpace.shape).toEqual([1])
})

test('an id that does not show what it says is refused', () => {
  for (const id of ['Lane\u202e1v', 'Lane\nv1', 'Lane\x1b[2J', ' Lane'])
    refuses(() => asDefinition({ id, make: () => new Corridor({}) }), 'E_ENV_CONFIG', /its id .* is not one line/)
  expect(asDefinition({ id: 'Gasse-v1 巷', make: () => new Corridor({}) }).id).toBe('Gasse-v1 巷')
})

test('a class without an id goes by its name', () => {
  class Lane extends Corridor {
    static override readonly id = ''
  }
  refuses(() => asDefinition(Lane), 'E_ENV_CONFIG', /no id/)
  expect(asDefinition(CartPole).id).toBe('CartPole')
})

test('an unknown id is refused with the nearest known one, or with all of them', () => {
  refuses(() => makeEnv('CartPol-v1'), 'E_ENV_UNKNOWN', /there is no env 'CartPol-v1'; did you mean 'CartPole-v1'\?/)
  refuses(
    () => makeVectorEnv('Go', { numEnvs: 1 }),
    'E_ENV_UNKNOWN',
    /known are Acrobot-v1, CartPole-v1, .*Identity-v0/,
  )
})

test('a registered env is known by its id; the id cannot be taken twice', () => {
  const definition = registerEnv(Corridor)
  expect(envIds()).toContain('Corridor')
  expect(asDefinition('Corridor')).toBe(definition)
  expect(registerEnv(Corridor)).toBe(definition)
  refuses(
    () => registerEnv({ id: 'CartPole-v1', make: () => new CartPole() }),
    'E_ENV_CONFIG',
    /'CartPole-v1' is registered already/,
  )
})

test('what cannot make envs is refused, and says why', () => {
  refuses(() => asDefinition(new CartPole() as unknown as EnvSource), 'E_ENV_CONFIG', /one instance; give its class/)
  refuses(
    () => asDefinition((() => new CartPole()) as unknown as EnvSource),
    'E_ENV_CONFIG',
    /plain function; give a class/,
  )
  refuses(() => asDefinition({} as EnvSource), 'E_ENV_CONFIG', /expected an id, a class or a definition/)
  refuses(
    () => asDefinition({ id: 'X', maxEpisodeSteps: 0, make: () => new CartPole() }),
    'E_ENV_CONFIG',
    /maxEpisodeSteps of X is 0/,
  )
  refuses(() => makeVectorEnv('CartPole-v1', { numEnvs: 0 }), 'E_ENV_CONFIG', /numEnvs >= 1, got 0/)
})

test('a config field that an env does not take, or of another type, is refused', () => {
  refuses(() => makeEnv('Identity-v0', { m: 3 }), 'E_ENV_CONFIG', /no config field 'm'; did you mean 'n'\?/)
  refuses(() => makeEnv('Identity-v0', { n: '3' }), 'E_ENV_CONFIG', /wants n to be a number, got "3"/)
  refuses(() => makeEnv('Identity-v0', { n: 1 }), 'E_ENV_CONFIG', /n >= 2/)
  refuses(
    () => makeVectorEnv('CartPole-v1', { numEnvs: 1, config: { gravity: 1 } }),
    'E_ENV_CONFIG',
    /it takes no config/,
  )
})

test('spaces are checked when envs are made, and must not change between them', () => {
  const cartPoleWith = (observationSpace: object) => ({
    id: 'Odd',
    make: () => Object.assign(new CartPole(), { observationSpace }),
  })
  const make = (space: object) => () => makeVectorEnv(cartPoleWith(space), { numEnvs: 1 })
  refuses(
    make({ kind: 'box', shape: [2, 0], low: 0, high: 1 }),
    'E_ENV_SPACE',
    /observation space of Odd is malformed: shape is \[2,0\]/,
  )
  refuses(make({ kind: 'box', shape: [2], low: [0, 2], high: 1 }), 'E_ENV_SPACE', /element 1 has low 2 and high 1/)
  refuses(
    make({ kind: 'box', shape: [2], low: [0], high: 1 }),
    'E_ENV_SPACE',
    /low has 1 values, expected one number or 2/,
  )
  refuses(make({ kind: 'discrete', n: 0 }), 'E_ENV_SPACE', /n is 0/)
  refuses(make({ kind: 'tuple' }), 'E_ENV_SPACE', /expected kind 'box', 'discrete' or 'multiDiscrete'/)
  let n = 2
  const changing = {
    id: 'Changing',
    make: () => Object.assign(new CartPole(), { actionSpace: { kind: 'discrete', n: n++ } }),
  }
  refuses(
    () => makeVectorEnv(changing, { numEnvs: 2 }),
    'E_ENV_SPACE',
    /another actionSpace each time it is made: Discrete\(2\), then Discrete\(3\)/,
  )
})

test('what an env’s constructor throws names the env', () => {
  class Broken extends Corridor {
    static override readonly id = 'Broken-v0'
    constructor() {
      super({})
      throw new RangeError('no licence')
    }
  }
  refuses(
    () => makeVectorEnv(Broken, { numEnvs: 1 }),
    'E_ENV_CONFIG',
    /^Broken-v0 could not be made: RangeError: no licence$/,
  )
})
