import { expect, test } from 'vitest'
import { listCommand } from '../../cli/commands/list.ts'
import { displayWidth } from '../../cli/display/text.ts'
import { algorithmsFor } from '../../learner/algorithms/fitting.ts'
import { ALGORITHM_NAMES, ALGORITHMS } from '../../learner/algorithms/index.ts'
import { envIds } from '../../shared/env/index.ts'
import { FakeHost } from './fakeHost.ts'

interface Asked {
  readonly what?: 'envs' | 'algorithms'
  readonly json?: boolean
  readonly columns?: number
}

async function list({ what = 'envs', json = false, columns }: Asked): Promise<string> {
  const host = new FakeHost('/', { isTTY: columns !== undefined })
  if (columns !== undefined) host.out.columns = columns
  expect(await listCommand({ what, json }, host)).toBe(0)
  return host.out.text
}

const tuned = (names: readonly string[], ...of: readonly string[]) =>
  names.map((name) => (of.includes(name) ? `${name} (tuned)` : name)).join(', ')
const discrete = algorithmsFor({ kind: 'discrete' })
const box = algorithmsFor({ kind: 'box' })

test('every built-in env has one line with its spaces, its time limit and the algorithms that take it', async () => {
  const [head, ...lines] = (await list({})).trimEnd().split('\n')
  expect(head).toMatch(/^id +observation +action +time limit +algorithms$/)
  expect(lines.map((line) => line.split(' ')[0])).toEqual(envIds())
  const lineOf = (id: string) => lines.find((line) => line.startsWith(`${id} `))?.split(/ {2,}/)
  expect(lineOf('Acrobot-v1')).toEqual([
    'Acrobot-v1',
    'Box([6], -28.3..28.3)',
    'Discrete(3)',
    '500',
    tuned(discrete, 'a2c', 'ppo'),
  ])
  expect(lineOf('Pendulum-v1')).toEqual([
    'Pendulum-v1',
    'Box([3], -8..8)',
    'Box([1], -2..2)',
    '200',
    tuned(box, 'impala', 'ppo'),
  ])
  expect(lineOf('Taxi-v3')).toEqual(['Taxi-v3', 'Discrete(500)', 'Discrete(6)', '200', discrete.join(', ')])
  expect(lineOf('MinAtar/Breakout-v1')).toEqual([
    'MinAtar/Breakout-v1',
    'Box([10, 10, 4], 0..1, uint8)',
    'Discrete(3)',
    '-',
    tuned(discrete, 'impala', 'ppo'),
  ])
})

test.each(['envs', 'algorithms'] as const)('%s fit a narrow terminal', async (what) => {
  const lines = (await list({ what, columns: 60 })).split('\n')
  for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(60)
})

test('as JSON it has the same, for a program to read', async () => {
  const envs = JSON.parse(await list({ json: true })) as { id: string }[]
  expect(envs.map(({ id }) => id)).toEqual(envIds())
  expect(envs.find(({ id }) => id === 'CliffWalking-v1')).toEqual({
    id: 'CliffWalking-v1',
    observationSpace: { kind: 'discrete', n: 48 },
    actionSpace: { kind: 'discrete', n: 4 },
    maxEpisodeSteps: null,
    algorithms: discrete,
    tuned: [],
  })
})

test('every algorithm has one line with the actions it takes, its defaults and its paper', async () => {
  const [head, ...lines] = (await list({ what: 'algorithms' })).trimEnd().split('\n')
  expect(head).toMatch(/^name +actions +defaults +paper +what it is$/)
  expect(lines.map((line) => line.split(' ')[0])).toEqual(ALGORITHM_NAMES)
  for (const line of lines)
    expect(line).toMatch(/learningRate .*rollouts of \d+ envs, \d+ steps.*\d{4}, arXiv:\d+\.\d+  +\w/)
})

test('as JSON an algorithm has all its settings', async () => {
  const algorithms = JSON.parse(await list({ what: 'algorithms', json: true })) as { name: string }[]
  expect(algorithms.map(({ name }) => name)).toEqual(ALGORITHM_NAMES)
  expect(algorithms.find(({ name }) => name === 'ppo')).toMatchObject({
    actions: ALGORITHMS.ppo().actions,
    settings: ALGORITHMS.ppo().config,
    rollouts: { envsPerShard: 8, fragmentLength: 128 },
  })
})
