import { expect, test } from 'vitest'
import { Silence } from '../../../learner/rollouts/silence.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'

function listening() {
  const clock = virtualClock()
  const abort = new AbortController()
  const events: string[] = []
  const state = { waiting: true }
  const silence = new Silence({
    clock,
    rollouts: { envsPerShard: 32, fragmentLength: 20, leaseSeconds: 120 },
    waiting: () => state.waiting,
    onEvent: (text) => events.push(text),
    signal: abort.signal,
  })
  const watching = silence.watch()
  const pass = (seconds: number) => clock.advance(seconds * 1_000)
  const end = async () => {
    abort.abort()
    await watching
    expect(clock.sleeping).toBe(0)
  }
  return { silence, state, events, pass, end }
}

test('eight seconds without a fragment are told with its size, what a step takes at least, and what to change', async () => {
  const { events, pass, end } = listening()
  await pass(8)
  expect(events).toEqual([])
  await pass(1)
  expect(events).toEqual([
    'no fragment in 8 s: a fragment is 32 envs x 20 steps = 640 env steps, so a step takes over 13 ms, or the env hangs; ' +
      'lower rollouts.fragmentLength or rollouts.envsPerShard (a lease, rollouts.leaseSeconds, lasts 120 s)',
  ])
  await end()
})

test('a silence that goes on is told ever more seldom, and at least every ten minutes', async () => {
  const { events, pass, end } = listening()
  await pass(2_000)
  expect(events.map((text) => /in (\d+) s/.exec(text)?.[1])).toEqual(['8', '80', '680', '1280', '1880'])
  await end()
})

test('a fragment starts the silence anew, and while nobody waits for one there is none', async () => {
  const { silence, state, events, pass, end } = listening()
  for (let i = 0; i < 5; i++) {
    await pass(7)
    silence.broken()
  }
  state.waiting = false
  await pass(100)
  state.waiting = true
  await pass(7)
  expect(events).toEqual([])
  await pass(3)
  expect(events).toHaveLength(1)
  await end()
})
