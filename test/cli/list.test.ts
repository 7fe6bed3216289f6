import { expect, test } from 'vitest'
import { listCommand } from '../../cli/commands/list.ts'
import { displayWidth } from '../../cli/display/text.ts'
import { envIds } from '../../shared/env/index.ts'
import { FakeHost } from './fakeHost.ts'

async function list({ json = false, columns }: { json?: boolean; columns?: number }): Promise<string> {
  const host = new FakeHost('/', { isTTY: columns !== undefined })
  if (columns !== undefined) host.out.columns = columns
  expect(await listCommand({ what: 'envs', json }, host)).toBe(0)
  return host.out.text
}

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
    'a2c, impala, ppo',
  ])
  expect(lineOf('Pendulum-v1')).toEqual([
    'Pendulum-v1',
    'Box([3], -8..8)',
    'Box([1], -2..2)',
    '200',
    'a2c, impala, ppo',
  ])
  expect(lineOf('Taxi-v3')).toEqual(['Taxi-v3', 'Discrete(500)', 'Discrete(6)', '200', 'a2c, impala, ppo'])
  expect(lineOf('MinAtar/Breakout-v1')).toEqual([
    'MinAtar/Breakout-v1',
    'Box([10, 10, 4], 0..1, uint8)',
    'Discrete(3)',
    '-',
    'a2c, impala, ppo',
  ])
})

test('it fits a narrow terminal', async () => {
  for (const line of (await list({ columns: 60 })).split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(60)
})

test('as JSON it has the same, for a program to read', async () => {
  const envs = JSON.parse(await list({ json: true })) as { id: string }[]
  expect(envs.map(({ id }) => id)).toEqual(envIds())
  expect(envs.find(({ id }) => id === 'CliffWalking-v1')).toEqual({
    id: 'CliffWalking-v1',
    observationSpace: { kind: 'discrete', n: 48 },
    actionSpace: { kind: 'discrete', n: 4 },
    maxEpisodeSteps: null,
    algorithms: ['a2c', 'impala', 'ppo'],
  })
})
