import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Manifest } from '../../../shared/protocol/manifest.ts'
import { Pace } from '../../../shared/rollout/pace.ts'

const policy = (version: number): Manifest['policy'] => ({ version, key: 'k', sha256: 'a'.repeat(64) })
const positive = (max: number) => fc.integer({ min: 1, max })

test('exact: fragment n is stepped with version baseVersion + publishEvery * max(0, floor(n / perVersion) - lead), or not yet, whatever else happened', () => {
  fc.assert(
    fc.property(
      positive(40),
      positive(64),
      fc.nat(3),
      fc.record({ publishEvery: positive(5), baseVersion: fc.nat(1000) }),
      fc.array(
        fc.record({ sequence: fc.nat(100_000), version: fc.nat(5000), consumed: fc.nat(5000), insist: fc.boolean() }),
      ),
      (fragments, shards, lead, { publishEvery, baseVersion }, looks) => {
        const pace = new Pace({
          shard: 0,
          pacing: { mode: 'exact', perVersion: fragments / shards, lead, publishEvery, baseVersion, patienceMs: 1 },
        })
        for (const { sequence, version, consumed, insist } of looks) {
          // In integers, so that the expectation does not share the division's rounding.
          const wanted =
            baseVersion +
            publishEvery * Math.max(0, Number((BigInt(sequence) * BigInt(shards)) / BigInt(fragments)) - lead)
          const got = pace.version(sequence, { policy: policy(version), consumed: [consumed] })
          expect(got).toBe(version >= wanted ? wanted : undefined)
          if (insist) pace.insist()
        }
        expect(pace.patienceMs).toBe(Number.POSITIVE_INFINITY)
      },
    ),
    {
      numRuns: 300,
      examples: [
        [7, 3, 0, { publishEvery: 1, baseVersion: 0 }, [{ sequence: 35, version: 15, consumed: 0, insist: false }]],
      ],
    },
  )
})

test('newest: what is sent and not consumed never passes the window, but by one for each time patience ran out', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 20, noNaN: true }),
      fc.nat(3),
      fc.array(fc.oneof(fc.constant('step'), fc.constant('consume'), fc.constant('wait'))),
      (perVersion, lead, events) => {
        const pace = new Pace({ shard: 1, pacing: { mode: 'newest', perVersion, lead, patienceMs: 9 } })
        const window = Math.ceil(perVersion * (lead + 1))
        let [next, consumed, insisted] = [0, 0, 0]
        for (const event of events) {
          const version = pace.version(next, { policy: policy(5), consumed: [99, consumed] })
          if (event === 'step' && version !== undefined) {
            next++
            expect(next - consumed).toBeLessThanOrEqual(window + insisted)
          }
          if (event === 'consume' && consumed < next) {
            consumed++
            insisted = 0
          }
          if (event === 'wait' && version === undefined) {
            pace.insist()
            insisted++
          }
          expect(version === undefined || version === 5).toBe(true)
        }
        expect(pace.patienceMs).toBe(9)
      },
    ),
  )
})

test('newest: losing every fragment of a window stops no shard, and the window is its old self once one was consumed', () => {
  const pace = new Pace({ shard: 0, pacing: { mode: 'newest', perVersion: 1, lead: 1, patienceMs: 9 } })
  const may = (sequence: number, consumed: number) =>
    pace.version(sequence, { policy: policy(0), consumed: [consumed] }) !== undefined
  expect([may(0, 0), may(1, 0), may(2, 0)]).toEqual([true, true, false])
  pace.insist()
  expect([may(2, 0), may(3, 0)]).toEqual([true, false])
  expect([may(3, 3), may(4, 3), may(5, 3)]).toEqual([true, true, false])
})

test('a shard that the manifest does not know yet starts with its whole window', () => {
  const pace = new Pace({ shard: 7, pacing: { mode: 'newest', perVersion: 2, lead: 0, patienceMs: 9 } })
  const may = (sequence: number) => pace.version(sequence, { policy: policy(0), consumed: [] }) !== undefined
  expect([may(0), may(1), may(2)]).toEqual([true, true, false])
})

test('newest: the manifest may widen the window, and narrow it again to what the pacing says', () => {
  const pace = new Pace({ shard: 0, pacing: { mode: 'newest', perVersion: 1, lead: 1, patienceMs: 1 } })
  const open = (sequence: number, window?: number) =>
    pace.version(sequence, { policy: policy(3), consumed: [10], ...(window !== undefined && { window }) }) !== undefined
  expect([11, 12].map((sequence) => open(sequence))).toEqual([true, false])
  expect([14, 15].map((sequence) => open(sequence, 5))).toEqual([true, false])
  expect([11, 12].map((sequence) => open(sequence, 1))).toEqual([true, false])
})
