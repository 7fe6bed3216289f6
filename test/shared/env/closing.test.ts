import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { closeOpenEnvs } from '../../../shared/env/closing.ts'
import { makeVectorEnv, type Env, type EnvDefinition } from '../../../shared/env/index.ts'

let made = 0
let closed: number[] = []
const warnings: string[] = []

beforeEach(() => {
  made = 0
  closed = []
  warnings.length = 0
  vi.spyOn(console, 'warn').mockImplementation((text: string) => void warnings.push(text))
})
afterEach(() => vi.restoreAllMocks())

/** @param at what the env with this number does when it is made or closed */
const simulator = (
  at: { readonly make?: number; readonly space?: number; readonly close?: number } = {},
): EnvDefinition => ({
  id: 'Simulator',
  make(): Env {
    const number = made++
    if (number === at.make) throw new Error('no licence left')
    return {
      observationSpace: { kind: 'box', shape: [number === at.space ? 2 : 1], low: 0, high: 1 },
      actionSpace: { kind: 'discrete', n: 2 },
      reset: (observation) => void observation.fill(0),
      step: () => ({ reward: 0, terminated: false, truncated: false }),
      close() {
        closed.push(number)
        if (number === at.close) throw new Error('the socket is gone')
      },
    }
  },
})

test('closing a vector closes every env, once', () => {
  const env = makeVectorEnv(simulator(), { numEnvs: 3 })
  env.reset(1)
  env.close?.()
  env.close?.()
  closeOpenEnvs()
  expect(closed).toEqual([0, 1, 2])
  expect(() => env.step(new Int32Array(3))).toThrow(/Simulator/)
  expect(() => env.reset(1)).toThrow(/after it was closed/)
})

test('when the process ends, what is open is closed', () => {
  makeVectorEnv(simulator(), { numEnvs: 2 })
  closeOpenEnvs()
  closeOpenEnvs()
  expect(closed).toEqual([0, 1])
})

test('when an env of several cannot be made, those made before are closed', () => {
  expect(() => makeVectorEnv(simulator({ make: 2 }), { numEnvs: 4 })).toThrow(
    /could not be made: Error: no licence left/,
  )
  expect(closed).toEqual([0, 1])
})

test('when the envs do not fit each other, all that were made are closed', () => {
  expect(() => makeVectorEnv(simulator({ space: 1 }), { numEnvs: 3 })).toThrow(/another observationSpace each time/)
  expect(closed).toEqual([0, 1])
})

test('an env that cannot be closed is told of, the others are closed, and the first error stays', () => {
  expect(() => makeVectorEnv(simulator({ make: 2, close: 0 }), { numEnvs: 4 })).toThrow(/no licence left/)
  expect(closed).toEqual([0, 1])
  expect(warnings).toEqual(['warning: Simulator failed to close: Error: the socket is gone'])
})

test('a close that is async is told of, and its failure ends nothing', async () => {
  const source: EnvDefinition = {
    ...simulator(),
    make: () => Object.assign(simulator().make({}), { close: () => Promise.reject(new Error('late')) }),
  }
  makeVectorEnv(source, { numEnvs: 1 }).close?.()
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings[0]).toMatch(/gave a Promise from close, which nobody waits for/)
  expect(warnings[1]).toMatch(/failed to close: Error: late/)
})
