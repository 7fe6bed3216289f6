import { expect, test } from 'vitest'
import { CALLS, FaultSetting, faultsOf, isCalm } from '../../../shared/faults/index.ts'

test('a setting is calm where nothing in it injects a fault, whatever its seed and time', () => {
  expect(isCalm(faultsOf('calm'))).toBe(true)
  expect(isCalm(FaultSetting.parse({ seed: 7, elapsedMs: 90_000 }))).toBe(true)
  for (const set of ['storm', 'all'] as const) expect(isCalm(faultsOf(set))).toBe(false)
})

test('one fault alone ends the calm', () => {
  for (const name of CALLS) expect(isCalm(FaultSetting.parse({ calls: { [name]: { throttle: 0.1 } } }))).toBe(false)
  for (const one of [
    { timeout: 0.1 },
    { outOfMemory: 0.1 },
    { crash: { afterSends: 0.1 } },
    { messages: { corrupt: 0.1 } },
    { objects: { corrupt: 0.1 } },
    { clockSkew: { rate: 0.1 } },
    { outage: { everyMs: 1_000, forMs: 10 } },
  ])
    expect(isCalm(FaultSetting.parse(one))).toBe(false)
})
