import { expect, test } from 'vitest'
import { Definition, Schedules } from '../../../../infra/local/control/schedules.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'

function start() {
  const clock = virtualClock()
  const calls: [at: number, call: string, input: unknown][] = []
  const from = clock.now()
  const schedules = new Schedules(clock, (call, input) => {
    calls.push([clock.now() - from, call, input])
    if (call === 'lambda:broken') throw new Error('no such function')
  })
  const definition = (afterMs: number, changes: object = {}) =>
    Definition.parse({
      Name: 'off',
      ScheduleExpression: `at(${new Date(clock.now() + afterMs).toISOString().slice(0, 19)})`,
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: 'arn:aws:scheduler:::aws-sdk:lambda:putFunctionConcurrency',
        RoleArn: 'arn:aws:iam::000000000000:role/x',
        Input: '{"FunctionName":"f","ReservedConcurrentExecutions":0}',
      },
      ...changes,
    })
  return { clock, calls, schedules, definition }
}

test('a schedule strikes once, at its time, with its input', async () => {
  const { clock, calls, schedules, definition } = start()
  schedules.create(definition(5000))
  await clock.advance(4999)
  expect(calls).toEqual([])
  await clock.advance(86_400_000)
  const input = { FunctionName: 'f', ReservedConcurrentExecutions: 0 }
  expect(calls).toEqual([[5000, 'lambda:putFunctionConcurrency', input]])
  expect(schedules.get('default', 'off').definition.State).toBe('ENABLED')
})

test('one that is pushed on in time never strikes; left alone it does, after the last push', async () => {
  const { clock, calls, schedules, definition } = start()
  schedules.create(definition(10_000))
  for (let i = 0; i < 20; i++) {
    await clock.advance(9000)
    schedules.update(definition(10_000))
  }
  expect(calls).toEqual([])
  await clock.advance(10_000)
  expect(calls.map(([at]) => at)).toEqual([190_000])
  expect(clock.sleeping).toBe(0)
})

test('one that is disabled, deleted, past or closed does not strike, and leaves no timer', async () => {
  const { clock, calls, schedules, definition } = start()
  schedules.create(definition(5000))
  schedules.update(definition(5000, { State: 'DISABLED' }))
  schedules.create(definition(5000, { Name: 'deleted' }))
  schedules.delete('default', 'deleted')
  schedules.create(definition(-5000, { Name: 'past' }))
  schedules.create(definition(5000, { Name: 'closed' }))
  schedules.close()
  await clock.advance(60_000)
  expect([calls, clock.sleeping]).toEqual([[], 0])
})

test('years ahead are no trouble for a timer', async () => {
  const { clock, calls, schedules, definition } = start()
  const days = 86_400_000
  schedules.create(definition(100 * days))
  await clock.advance(100 * days - 1)
  expect(calls).toEqual([])
  await clock.advance(1)
  expect(calls).toHaveLength(1)
})

test('what a target refuses is kept for whoever looks; one that is to go after its strike is gone', async () => {
  const { clock, schedules, definition } = start()
  const Target = { ...definition(0).Target, Arn: 'arn:aws:scheduler:::aws-sdk:lambda:broken' }
  schedules.create(definition(1000, { Name: 'broken', Target, ActionAfterCompletion: 'DELETE' }))
  await clock.advance(1000)
  expect(schedules.strikes).toEqual([{ group: 'default', name: 'broken', at: clock.now(), error: 'no such function' }])
  expect(() => schedules.get('default', 'broken')).toThrow('does not exist')
})
