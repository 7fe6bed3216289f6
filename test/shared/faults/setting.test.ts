import { expect, test } from 'vitest'
import { experiment, withOverrides } from '../../../learner/experiment.ts'
import { impala } from '../../../learner/algorithms/impala.ts'
import { FAULT_SETS, FaultSetting, faultsOf } from '../../../shared/faults/index.ts'

const base = experiment({ env: 'CartPole-v1', algorithm: impala() })
const given = (faults: string) => withOverrides(base, { faults }).faults

test('faults are off unless they are asked for, and every rate is 0 unless told', () => {
  expect(base.faults).toBeUndefined()
  expect(faultsOf('calm')).toEqual(FaultSetting.parse({}))
  const off = FaultSetting.parse({ calls: { s3: {} } })
  expect(off.calls['s3']).toEqual({ throttle: 0, error: 0, slow: 0, slowMs: 200, dropBefore: 0, dropAfter: 0 })
  expect(off.outage).toBeUndefined()
})

test('the storm has the rates that its name stands for', () => {
  const { crash, calls, messages, objects, outage } = faultsOf('storm')
  expect(crash.beforeSends + crash.duringSends + crash.afterSends).toBeCloseTo(0.1)
  expect(calls['*']?.throttle).toBe(0.025)
  expect(calls['*']?.error).toBe(0.025)
  expect(messages.duplicate + messages.redeliver).toBeCloseTo(0.1)
  expect([messages.corrupt, objects.corrupt]).toEqual([0.01, 0.01])
  expect(outage).toEqual({ everyMs: 60_000, forMs: 10_000 })
})

test('the set of all faults leaves none out', () => {
  const faults = { ...faultsOf('all'), elapsedMs: 1 }
  const calls = faults.calls['*']
  const leaves = (value: unknown): unknown[] =>
    typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [value]
  for (const rate of leaves({ ...faults, calls })) expect(rate).toBeGreaterThan(0)
  expect(faults).toHaveProperty('outage')
})

test('a set is named, or rates are given, in an experiment and on the command line', () => {
  for (const name of FAULT_SETS) expect(given(name)).toBe(name)
  expect(faultsOf(given('{"set":"storm","seed":7}') ?? 'calm')).toEqual({ ...faultsOf('storm'), seed: 7 })
  expect(faultsOf(given('{"set":"storm","elapsedMs":5}') ?? 'calm').elapsedMs).toBe(5)
  expect(given('{"seed":3,"timeout":0.5}')).toMatchObject({ seed: 3, timeout: 0.5 })
  expect(withOverrides(base, { 'faults.messages.delay': '0.5' }).faults).toMatchObject({ messages: { delay: 0.5 } })
})

test.each([
  ['strom', /faults: .*"calm"\|"storm"/],
  ['{"crsh":{}}', /has no field 'crsh'; did you mean 'crash'\?/],
  ['{"calls":{"s3.PutObjekt":{}}}', /faults\.calls has no field 's3\.PutObjekt'; did you mean 's3\.PutObject'\?/],
  ['{"calls":{"*":{"throtle":1}}}', /has no field 'throtle'; did you mean 'throttle'\?/],
  ['{"timeout":2}', /faults\.timeout: /],
  ['{"calls":{"*":{"throttle":0.6,"error":0.6}}}', /the rates of one call are together over 1/],
  ['{"timeout":0.6,"outOfMemory":0.6}', /crash, timeout and outOfMemory are together over 1/],
  ['{"outage":{"everyMs":1000,"forMs":1000}}', /expected forMs below everyMs/],
])('%s is refused with a sentence', (faults, sentence) => {
  expect(() => given(faults)).toThrow(sentence)
})

test('a rate within a named set is refused, and does not turn the storm off in silence', () => {
  expect(() => withOverrides(base, { faults: 'storm', 'faults.seed': '3' })).toThrow(
    "--set faults.seed: faults is 'storm', and a name has no settings in it",
  )
})
