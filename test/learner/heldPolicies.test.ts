import { expect, test } from 'vitest'
import { HeldPolicies } from '../../learner/heldPolicies.ts'

test('policies are held up to a number of bytes, the oldest go first, and the newest stays however large it is', () => {
  const held = new HeldPolicies(100)
  const present = () => [0, 1, 2, 3, 4].filter((version) => held.get(version))
  for (const version of [0, 1, 2]) held.add(version, new Uint8Array(40))
  expect(present()).toEqual([1, 2])
  held.drop(1)
  held.add(3, new Uint8Array(60))
  expect(present()).toEqual([2, 3])
  held.add(3, new Uint8Array(60))
  expect(present()).toEqual([2, 3])
  held.add(4, new Uint8Array(1_000))
  expect(present()).toEqual([4])
})
