import { expect, test } from 'vitest'
import { Gaps } from '../../../../learner/rollouts/exact/gaps.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'

function gapsOf(came: { from: number; to: number }[]) {
  const clock = virtualClock()
  const heard = { all: true }
  const busy = new Set<number>()
  const gone: number[] = []
  const gaps = new Gaps({
    clock,
    shards: came.length,
    gap: (shard) => came[shard] ?? { from: 0, to: 0 },
    isDue: (sequence) => sequence < 10,
    heardAllSince: () => heard.all,
  })
  const seen = async (ms: number) => {
    const found: [number, number][] = []
    for (let passed = 0; passed < ms; passed += 250) {
      await clock.advance(250)
      const { fragments, functions } = gaps.look((shard) => busy.has(shard))
      found.push(...fragments)
      gone.push(...functions.keys())
    }
    return found
  }
  return { gaps, heard, seen, busy, gone }
}

test('a fragment that is missing between others for five seconds is made again, and told once in five seconds', async () => {
  const { seen } = gapsOf([
    { from: 3, to: 6 },
    { from: 4, to: 4 },
  ])
  expect(await seen(5_000)).toEqual([])
  expect(await seen(1_000)).toEqual([[0, 3]])
  expect(await seen(4_000)).toEqual([])
})

test('while the queue cannot be heard nothing is missing', async () => {
  const { heard, seen } = gapsOf([{ from: 3, to: 6 }])
  heard.all = false
  expect(await seen(30_000)).toEqual([])
})

test('after a message that cannot be read a gap counts sooner', async () => {
  const { gaps, seen } = gapsOf([{ from: 3, to: 6 }])
  gaps.unreadable()
  expect(await seen(1_000)).toEqual([[0, 3]])
})

test('after a message that cannot be read, when nothing comes any more, whatever may be stepped is made again; then its function is gone', async () => {
  const { gaps, seen, busy, gone } = gapsOf([
    { from: 4, to: 4 },
    { from: 3, to: 3 },
    { from: 10, to: 10 },
  ])
  expect(await seen(10_000)).toEqual([])
  gaps.unreadable()
  expect(await seen(500)).toEqual([
    [0, 4],
    [1, 3],
  ])
  busy.add(0).add(1)
  expect([await seen(5_000), gone]).toEqual([[], []])
  busy.clear()
  gaps.heard(0, false)
  gaps.heard(1, true)
  expect([await seen(5_000), gone]).toEqual([[], [0]])
})

test('after a message that cannot be read nothing is made again while fragments come', async () => {
  const { gaps, seen, gone } = gapsOf([{ from: 4, to: 4 }])
  gaps.unreadable()
  for (let i = 0; i < 10; i++) {
    gaps.heard(0, false)
    expect([await seen(250), gone]).toEqual([[], []])
  }
})
