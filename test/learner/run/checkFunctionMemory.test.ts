import { expect, test } from 'vitest'
import { checkFunctionMemory } from '../../../learner/run/checkFunctionMemory.ts'
import { policySpecFor } from '../../../shared/policy/index.ts'

const pictures = policySpecFor({ kind: 'box', shape: [84, 84, 3], low: 0, high: 1 }, { kind: 'discrete', n: 4 })
const check = (shards: number, functions: number, more: { envsPerShard?: number; concurrency?: number } = {}) => {
  const { concurrency, envsPerShard = 32 } = more
  const room = { memoryMb: 1769, ...(concurrency !== undefined && { concurrency }) }
  return () => checkFunctionMemory({ shards, functions, envsPerShard, fragmentLength: 20 }, pictures, room)
}

test('more shards than a function has memory for are refused before anything is made, with what to change', () => {
  expect(check(64, 1)).toThrow(
    expect.objectContaining({
      code: 'E_EXPERIMENT',
      message: expect.stringMatching(
        /^the fragments of 64 shards take \d+ MiB in a function at least, which has 1769; take more functions \(rollouts\.functions\), or less/,
      ),
    }),
  )
  expect(check(1, 1, { envsPerShard: 4096 })).toThrow(
    /^the fragments of 1 shard take .*; take less of rollouts\.envsPerShard/,
  )
})

test('what fits is let through, from as many functions as it takes', () => {
  for (const fits of [check(64, 8), check(64, 64), check(1, 1)]) expect(fits).not.toThrow()
})
