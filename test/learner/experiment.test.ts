import { expect, test } from 'vitest'
import { z } from 'zod'
import { algorithm } from '../../learner/algorithm.ts'
import { type ExperimentInput, experiment, withOverrides } from '../../learner/experiment.ts'
import { rate } from '../../learner/settings.ts'

const anything = (): never => {
  throw new Error('not run here')
}

/** An algorithm with settings of every kind and nothing behind them. */
const toy = algorithm({
  name: 'toy',
  config: z.strictObject({
    learningRate: rate.default(5e-4),
    hidden: z.array(z.number().int().min(1)).default([64]),
    optimizer: z.enum(['adam', 'rmsprop']).default('adam'),
    deterministic: z.boolean().default(false),
  }),
  plan: anything,
  program: anything,
  pacing: anything,
  fragmentsPerUpdate: anything,
})

const base: ExperimentInput = { env: 'CartPole-v1', algorithm: toy() }
const refusal = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    expect(error).toMatchObject({ name: 'MillraceError', code: 'E_EXPERIMENT' })
    return (error as Error).message
  }
  throw new Error('it was taken')
}

test('what is left out is filled in, and nothing else is changed', () => {
  const made = experiment({ ...base, rollouts: { shards: 8 }, stop: { meanReturn: 475 } })
  expect({ ...made, algorithm: made.algorithm.name }).toEqual({
    env: 'CartPole-v1',
    envConfig: {},
    algorithm: 'toy',
    rollouts: { shards: 8, envsPerShard: 32, fragmentLength: 20, leaseSeconds: 120 },
    stop: { meanReturn: 475 },
    seed: 1,
  })
  expect(made.algorithm.config).toEqual({
    learningRate: 5e-4,
    hidden: [64],
    optimizer: 'adam',
    deterministic: false,
  })
})

test.each([
  [
    'deep JSON',
    'envConfig',
    `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    /its value is more JSON than is read: more than 40 levels/,
  ],
  ['JSON that no program writes', 'envConfig', '['.repeat(200_000), /more than 40 levels/],
  [
    'JSON of 35 levels',
    'envConfig.a',
    '['.repeat(35) + ']'.repeat(35),
    /experiment.envConfig: expected at most 32 levels/,
  ],
  ['a path without end', 'a.'.repeat(100_000), '1', /has 100001 parts/],
  ['__proto__ in a path', '__proto__.seed', '3', /'__proto__' cannot be the name of a field/],
  ['constructor in a path', 'envConfig.constructor.x', '3', /'constructor' cannot/],
  ['__proto__ in a value', 'envConfig', '{"__proto__":{"x":1}}', /'__proto__' cannot/],
  ['a number without end', 'envConfig.x', '1e999', /finite/],
  ['an algorithm', 'algorithm', 'impala', /name one of its settings, as algorithm\.learningRate/],
  ['a time beyond all measure', 'stop.seconds', '1e308', /stop\.seconds: Too big/],
  ['a name of a megabyte', 'x'.repeat(1_000_000), '1', /has no field/],
])('--set with %s is a sentence', (_, path, text, sentence) => {
  expect(refusal(() => withOverrides(experiment(base), { [path]: text }))).toMatch(sentence)
  expect(({} as { seed?: number }).seed).toBeUndefined()
})

test.each<[typo: string, make: () => unknown, sentence: string]>([
  ['at the top', () => experiment({ ...base, sed: 3 } as never), "experiment has no field 'sed'; did you mean 'seed'?"],
  [
    'in rollouts',
    () => experiment({ ...base, rollouts: { shard: 3 } } as never),
    "experiment.rollouts has no field 'shard'; did you mean 'shards'?",
  ],
  [
    'in stop',
    () => experiment({ ...base, stop: { meanreturn: 3 } } as never),
    "experiment.stop has no field 'meanreturn'; did you mean 'meanReturn'?",
  ],
  [
    'in the budget',
    () => experiment({ ...base, budget: { usd: 1, eur: 1 } } as never),
    "experiment.budget has no field 'eur'; it has usd",
  ],
  ['in an algorithm', () => toy({ hiden: [3] } as never), "toy has no field 'hiden'; did you mean 'hidden'?"],
  [
    'in a schedule',
    () => toy({ learningRate: { clock: 'updates', from: 1, to: 0, ovr: 10 } } as never),
    "toy.learningRate has no field 'ovr'; did you mean 'over'?",
  ],
  [
    'far from any known name',
    () => experiment({ ...base, rollouts: { workers: 3 } } as never),
    "experiment.rollouts has no field 'workers'; it has shards, functions, envsPerShard,",
  ],
])('an unknown field %s is refused with the nearest known name', (_where, make, sentence) => {
  expect(refusal(make)).toContain(sentence)
})

test.each<[what: string, make: () => unknown, parts: string[]]>([
  [
    'more functions than shards',
    () => experiment({ ...base, rollouts: { shards: 4, functions: 5 } }),
    ['experiment.rollouts.functions is 5', '4 shards', 'rollouts.shards'],
  ],
  [
    'too few functions for so many shards',
    () => experiment({ ...base, rollouts: { shards: 3000, functions: 2 } }),
    ['experiment.rollouts.functions is 2', '1024', '3000 shards take 3'],
  ],
  ['no function', () => experiment({ ...base, rollouts: { functions: 0 } }), ['experiment.rollouts.functions', '>=1']],
  ['a count of 0', () => experiment({ ...base, rollouts: { shards: 0 } }), ['experiment.rollouts.shards', '>=1']],
  ['half an env', () => experiment({ ...base, rollouts: { envsPerShard: 1.5 } }), ['rollouts.envsPerShard', 'int']],
  [
    'a lease over Lambda’s limit',
    () => experiment({ ...base, rollouts: { leaseSeconds: 901 } }),
    ['leaseSeconds', '880'],
  ],
  [
    'text for a number',
    () => experiment({ ...base, stop: { envSteps: 'many' } } as never),
    ['stop.envSteps', 'number'],
  ],
  ['no env', () => experiment({ algorithm: toy() } as never), ['experiment.env', 'env id']],
  ['no algorithm', () => experiment({ env: 'CartPole-v1', algorithm: 'toy' } as never), ['algorithm', 'impala(']],
  ['a negative seed', () => experiment({ ...base, seed: -1 }), ['experiment.seed', '>=0']],
  ['a negative rate', () => toy({ learningRate: -1 }), ['toy.learningRate', '>=0']],
  ['text for a rate', () => toy({ learningRate: 'fast' } as never), ['toy.learningRate', 'number', 'object', 'string']],
  [
    'a schedule over no known clock',
    () => toy({ learningRate: { clock: 'steps', from: 1, to: 0, over: 10 } } as never),
    ['toy.learningRate.clock', 'envSteps'],
  ],
  [
    'a schedule without an end',
    () => toy({ learningRate: { clock: 'updates', from: 1, to: 0 } } as never),
    ['toy.learningRate.over', 'number'],
  ],
  ['a name that is no choice', () => toy({ optimizer: 'sgd' } as never), ['toy.optimizer', 'adam']],
  ['a wrong element', () => toy({ hidden: [64, 0] }), ['toy.hidden.1', '>=1']],
])('%s is refused with the field and what was expected', (_what, make, parts) => {
  const sentence = refusal(make)
  for (const part of parts) expect(sentence).toContain(part)
})

test('all complaints come at once', () => {
  const sentence = refusal(() => experiment({ ...base, seed: -1, rollouts: { shards: 0, shrads: 1 } } as never))
  expect(sentence.split('; ')).toHaveLength(4)
})

test('overrides reach everything by its path: rollouts, goals, env settings, the algorithm’s own, and the fields of a schedule', () => {
  const made = experiment({
    ...base,
    algorithm: toy({ learningRate: { clock: 'envSteps', from: 1, to: 0, over: 100 } }),
    rollouts: { shards: 4 },
  })
  const changed = withOverrides(made, {
    'rollouts.envsPerShard': '128',
    'stop.meanReturn': '475.5',
    'envConfig.gravity': '9.81',
    'budget.usd': '2',
    seed: '7',
    env: 'MountainCar-v0',
    'algorithm.learningRate.from': '5e-3',
    'algorithm.hidden': '[32,32]',
    'algorithm.optimizer': 'rmsprop',
    'algorithm.deterministic': 'true',
  })
  expect({ ...changed, algorithm: changed.algorithm.config }).toEqual({
    env: 'MountainCar-v0',
    envConfig: { gravity: 9.81 },
    rollouts: { shards: 4, envsPerShard: 128, fragmentLength: 20, leaseSeconds: 120 },
    stop: { meanReturn: 475.5 },
    budget: { usd: 2 },
    seed: 7,
    algorithm: {
      learningRate: { clock: 'envSteps', from: 5e-3, to: 0, over: 100 },
      hidden: [32, 32],
      optimizer: 'rmsprop',
      deterministic: true,
    },
  })
  // The original is as it was.
  expect(made.rollouts.envsPerShard).toBe(32)
  expect(made.algorithm.config['hidden']).toEqual([64])
})

test('a schedule may take the place of a constant, and a constant that of a schedule', () => {
  const made = experiment(base)
  const scheduled = withOverrides(made, { 'algorithm.learningRate': '{"clock":"updates","from":1,"to":0,"over":9}' })
  expect(scheduled.algorithm.config['learningRate']).toEqual({ clock: 'updates', from: 1, to: 0, over: 9 })
  expect(withOverrides(scheduled, { 'algorithm.learningRate': '0.1' }).algorithm.config['learningRate']).toBe(0.1)
})

test('a user’s own env stays the very same class under overrides', () => {
  class Own {
    readonly size = 3
  }
  const made = experiment({ ...base, env: Own as never })
  expect(withOverrides(made, { seed: '2' }).env).toBe(Own)
})

test.each([
  ['rollouts.shrads', '3', "did you mean 'shards'"],
  ['rollout.shards', '3', "did you mean 'rollouts'"],
  ['algorithm.lerningRate', '3', "did you mean 'learningRate'"],
  ['algorithm.learningRate.frm', '3', "did you mean 'from'"],
  ['seed', 'seven', 'experiment.seed'],
  ['stop.meanReturn', '"much"', 'experiment.stop.meanReturn'],
  ['algorithm', 'ppo', '--set algorithm'],
  ['rollouts.', '3', '--set rollouts.'],
  ['', '3', 'path is empty'],
])('--set %s=%s is refused, and says why', (path, value, sentence) => {
  const made = experiment({ ...base, algorithm: toy({ learningRate: { clock: 'updates', from: 1, to: 0, over: 9 } }) })
  expect(refusal(() => withOverrides(made, { [path]: value }))).toContain(sentence)
})
