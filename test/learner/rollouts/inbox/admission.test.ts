import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Admission } from '../../../../learner/rollouts/inbox/admission.ts'
import type { Pacing } from '../../../../shared/protocol/lease.ts'
import { Pace } from '../../../../shared/rollout/pace.ts'
import { reportOf } from '../inboxes.ts'

const STEPS = 12
const TOKEN = '0123456789abcdef'.repeat(2)
const newest: Pacing = { mode: 'newest', perVersion: 2, lead: 1, patienceMs: 2_000 }
const exact: Pacing = { mode: 'exact', perVersion: 2, lead: 1, patienceMs: 2_000 }

function admitting(pacing: Pacing, world: { version?: number; consumed?: number[]; rounds?: number } = {}) {
  const { rounds = 1, ...given } = world
  const state = { version: 0, consumed: [0, 0], ...given }
  let nowMs = 1_000_000
  const clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: () => Promise.reject(new Error('nobody sleeps here')),
  }
  const pass = (ms: number) => void (nowMs += ms)
  const admission = new Admission({
    shards: 2,
    pacing,
    clock,
    fragmentSteps: STEPS,
    rounds,
    newestVersion: () => state.version,
    consumedUpTo: () => state.consumed,
  })
  const issue = (lease: string, shard = 0, firstSequence = 0) =>
    admission.issued({ shard, lease, token: TOKEN, firstSequence, deadline: clock.now() + 120_000 })
  const of = (changes: object = {}) => ({
    shard: 0,
    lease: '0-0',
    token: TOKEN,
    sequence: 0,
    policyVersion: 0,
    envSteps: STEPS,
    ...changes,
  })
  const takes = (changes: object = {}): boolean => {
    try {
      admission.fragment(of(changes))
      return true
    } catch (error) {
      expect(error).toMatchObject({ name: 'MillraceError', code: 'E_MESSAGE' })
      return false
    }
  }
  return { admission, clock, pass, state, issue, takes }
}

describe('fragments', () => {
  test('of several messages of the same steps the first has them, and no other', () => {
    const { issue, takes, state } = admitting({ ...exact, perVersion: 1, lead: 0 }, { rounds: 3 })
    issue('0-0')
    state.version = 9
    for (let sequence = 0; sequence < 9; sequence++)
      for (const envSteps of [STEPS, 0])
        expect(takes({ sequence, policyVersion: sequence, envSteps })).toBe((sequence % 3 === 0) === envSteps > 0)
  })

  test.each([
    ['a lease that was never given out', { lease: '0-7' }],
    ['a lease whose name was guessed, without its token', { token: undefined }],
    ['the same with another token', { token: '0'.repeat(32) }],
    ['another shard’s lease', { shard: 1 }],
    ['a shard that does not exist', { shard: 2 ** 40 }],
    ['a sequence of a million millions', { sequence: 1e12 }],
    ['a policy version of the future', { policyVersion: 1 }],
    ['more env steps than a fragment has', { envSteps: STEPS + 1 }],
  ])('%s is refused, in every pace', (_, changes) => {
    for (const pacing of [newest, exact]) {
      const { issue, takes } = admitting(pacing)
      issue('0-0')
      expect(takes()).toBe(true)
      expect(takes(changes)).toBe(false)
    }
  })

  test('of an exact pace, each number has its version, and the newest version its last number', () => {
    const { issue, takes, state } = admitting(exact)
    issue('0-0')
    expect([0, 1, 2, 3].map((sequence) => takes({ sequence }))).toEqual([true, true, true, true])
    expect(takes({ sequence: 6 })).toBe(false)
    state.version = 3
    expect(takes({ sequence: 7, policyVersion: 2 })).toBe(true)
    expect(takes({ sequence: 7, policyVersion: 3 })).toBe(false)
    expect(takes({ sequence: 10, policyVersion: 4 })).toBe(false)
  })

  test('a lease does not send what is before it', () => {
    const { issue, takes } = admitting(newest, { consumed: [9, 0] })
    issue('0-1', 0, 10)
    expect(takes({ lease: '0-1', sequence: 10 })).toBe(true)
    expect(takes({ lease: '0-1', sequence: 9 })).toBe(false)
  })

  test('whatever a function’s own pace lets through is taken: late looks at the manifest, lost fragments, insisting', () => {
    const event = fc.record({
      afterMs: fc.nat(5_000),
      looks: fc.boolean(),
      consumes: fc.nat(3),
      publishes: fc.nat(2),
    })
    const pacing = fc.record({
      mode: fc.constantFrom('newest' as const, 'exact' as const),
      perVersion: fc.constantFrom(1 / 3, 1, 7 / 3, 2, 10),
      lead: fc.nat(2),
      publishEvery: fc.integer({ min: 1, max: 3 }),
      baseVersion: fc.constantFrom(0, 7),
      patienceMs: fc.constant(2_000),
    })
    fc.assert(
      fc.property(pacing, fc.array(event, { maxLength: 40 }), (chosen, events) => {
        const { issue, takes, state, clock, pass } = admitting(chosen, { version: chosen.baseVersion })
        issue('0-0')
        const pace = new Pace({ pacing: chosen, shard: 0 })
        const seen = { policy: { version: state.version, key: 'k', sha256: '' }, consumed: [0, 0] }
        let sequence = 0
        let waitedSince = clock.now()
        for (const { afterMs, looks, consumes, publishes } of events) {
          pass(afterMs)
          // The learner consumes what came and publishes on its own; the function sees it when it looks.
          state.consumed[0] = Math.min(sequence, state.consumed[0]! + consumes)
          state.version += publishes * chosen.publishEvery
          if (looks) {
            seen.policy.version = state.version
            seen.consumed = [...state.consumed]
          }
          const version = pace.version(sequence, seen)
          if (version !== undefined) {
            expect(takes({ sequence, policyVersion: version })).toBe(true)
            sequence++
            waitedSince = clock.now()
          } else if (clock.now() - waitedSince >= pace.patienceMs) {
            pace.insist()
            waitedSince = clock.now()
          }
        }
      }),
    )
  })

  test('only so many leases are remembered, the newest', () => {
    const { issue, takes } = admitting(newest)
    for (let n = 0; n < 1_000; n++) issue(`0-${n}`)
    expect([takes({ lease: '0-999' }), takes({ lease: '0-800' }), takes({ lease: '0-0' })]).toEqual([true, true, false])
  })
})

describe('goodbyes', () => {
  test.each([
    ['of a lease that was never given out', { lease: '0-7' }],
    ['with a million millions of fragments, which would move the next lease there', { fragments: 1e12, envSteps: 0 }],
    ['with more steps than its fragments have', { fragments: 1, envSteps: STEPS + 1 }],
    ['that took longer than the lease lasts', { totalMs: 1e9 }],
    ['with the bill of a year', { requests: { s3Put: 1e12, s3Get: 0, sqs: 0 } }],
    ['with endless reads', { requests: { s3Put: 0, s3Get: 1e12, sqs: 0 } }],
  ])('%s are refused', (_, changes) => {
    const { admission, issue } = admitting(newest)
    issue('0-0')
    expect(() => admission.report(reportOf(), TOKEN)).not.toThrow()
    expect(() => admission.report(reportOf(changes), TOKEN)).toThrow(expect.objectContaining({ code: 'E_MESSAGE' }))
  })

  test('a report without the token of its lease is refused, whatever it says', () => {
    const { admission, issue } = admitting(newest)
    issue('0-0')
    for (const token of [undefined, '0'.repeat(32)])
      expect(() => admission.report(reportOf(), token)).toThrow('does not have the token of lease 0-0')
  })

  test('a failed invocation of a lease that was never given out is refused', () => {
    const { admission, issue } = admitting(newest)
    issue('0-0')
    expect(() => admission.failure({ leases: [{ shard: 0, lease: '0-0', token: TOKEN }] })).not.toThrow()
    for (const at of [
      { shard: 0, lease: '0-1', token: TOKEN },
      { shard: 1, lease: '0-0', token: TOKEN },
      { shard: 9, lease: '0-0', token: TOKEN },
      { shard: 0, lease: '0-0' },
    ])
      expect(() => admission.failure({ leases: [{ shard: 0, lease: '0-0', token: TOKEN }, at] })).toThrow(
        expect.objectContaining({ code: 'E_MESSAGE' }),
      )
  })
})
