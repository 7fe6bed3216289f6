import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MessageLedger } from '../../../infra/clouds/messageLedger.ts'
import { LeaseFates } from '../../../learner/rollouts/leases/leaseFates.ts'
import { type FaultRecord, type FaultSources, faultRecord, settled } from '../../../library/run/faultRecord.ts'
import { faultLines, faultRows } from '../../../library/run/faultTable.ts'
import { FaultSetting } from '../../../shared/faults/index.ts'
import type { QueueMessage } from '../../../shared/cloud/ports.ts'

const FRAGMENT = '{"kind":"fragment","format":1}'
const REPORT = '{"kind":"leaseEnd","format":1}'

/** What may become of a message: how often it is delivered, and what the learner makes of each delivery. */
const lives = fc.array(
  fc.record({
    body: fc.constantFrom(FRAGMENT, REPORT),
    isCopy: fc.boolean(),
    fates: fc.array(fc.constantFrom('trained', 'stale', 'duplicate', 'corrupt', 'foreign', 'inHand'), { maxLength: 3 }),
    /** A call by which a message is put away fails, and is made again. */
    rejects: fc.integer({ min: 1, max: 2 }),
  }),
)

const NONE = { trained: 0, stale: 0, duplicate: 0, corrupt: 0, foreign: 0, inHand: 0 }
const COUNTED = { injected: {}, failedCalls: {}, sent: 0, copied: 0, undelivered: 0, again: 0, rejectedOthers: 0 }

const record = (cloud: Partial<FaultSources['cloud']>, fragments: Partial<typeof NONE>, more: object = {}) =>
  faultRecord({
    attempt: 1,
    setting: FaultSetting.parse({}),
    end: 'ended',
    elapsedMs: 1_000,
    beganTrainedSteps: 0,
    failedCalls: {},
    warnings: 0,
    cloud: { ...COUNTED, ...cloud },
    fates: {
      updates: 1,
      trainedSteps: 0,
      fragments: { ...NONE, ...fragments },
      leases: new LeaseFates().counts,
      functions: new LeaseFates().functions,
    },
    ...more,
  })

test('sent, copied and delivered again is what was trained on or dropped with a reason, whatever happens to the messages', async () => {
  await fc.assert(
    fc.asyncProperty(lives, async (messages) => {
      const ledger = new MessageLedger()
      let delivered: QueueMessage[] = []
      const queue = ledger.watched({
        send: async () => {},
        receive: async () => delivered,
        delete: async () => {},
        reject: async () => {},
      })
      const fates = { ...NONE }
      for (const [i, { body, isCopy, fates: of, rejects }] of messages.entries()) {
        ledger.kept(String(i), body, isCopy)
        for (const fate of of) {
          const message = { id: String(i), receipt: '', body: 'perhaps damaged', receiveCount: 1 }
          delivered = [message]
          await queue.receive({ max: 1, waitMs: 0 })
          const rejected = fate === 'corrupt' || fate === 'foreign'
          if (rejected) for (let i = 0; i < rejects; i++) await queue.reject(message, fate)
          if (body === FRAGMENT || rejected) fates[fate]++
        }
      }
      const { account } = record(ledger.counts(), fates)
      const fragments = messages.filter(({ body }) => body === FRAGMENT)
      expect(account?.unexplained).toBe(0)
      expect(account?.sent.fragments).toBe(fragments.filter(({ isCopy }) => !isCopy).length)
      expect(account?.became.undelivered).toBe(fragments.filter((each) => each.fates.length === 0).length)
    }),
  )
})

test('a fragment that was trained on twice, or dropped without a word, shows as unexplained', () => {
  const unexplained = (trained: number) => record({ sent: 5, undelivered: 1 }, { trained }).account?.unexplained
  expect([unexplained(4), unexplained(5), unexplained(3)]).toEqual([0, -1, 1])
})

const steps = (fragments: number) => ({ trainedSteps: fragments * 320, stepsPerFragment: 320 })
const sum = (counts: object = {}) => Object.values(counts).reduce((a: number, b: number) => a + b, 0)

test('of a killed attempt, what its checkpoint lacks is undone, and what was not trained on is lost with it; the sums stay', () => {
  const killed = record({ sent: 20, undelivered: 3 }, { trained: 12, inHand: 5 }, { end: 'running' })
  const first = settled(killed, steps(9))
  expect(first.end).toBe('killed')
  expect(first.account?.became).toMatchObject({ trained: 9, undone: 3, lost: 8, undelivered: 0, inHand: 0 })
  // The next attempt could not read that checkpoint, and went on from the one before.
  const second = settled(first, steps(4))
  expect(second.account?.became).toMatchObject({ trained: 4, undone: 8, lost: 8 })
  expect(sum(second.account?.became)).toBe(sum(killed.account?.sent))
  // An attempt that ended by itself has lost nothing with a kill.
  const ended = settled(record({ sent: 20, undelivered: 3 }, { trained: 12, inHand: 5 }), steps(12))
  expect(ended.account?.became).toMatchObject({ trained: 12, undone: 0, lost: 0, undelivered: 3, inHand: 5 })
  const later = record({ sent: 6 }, { trained: 6 }, { beganTrainedSteps: steps(9).trainedSteps })
  expect(settled(later, steps(11)).account?.became).toMatchObject({ trained: 2, undone: 4 })
})

test('a function that crashes with all its leases is one function, and as many leases as had not ended', () => {
  const fates = new LeaseFates()
  fates.issued(['a', 'b', 'c'])
  fates.issued(['d', 'e'])
  fates.over('a', 'ended')
  for (const lease of ['a', 'b', 'c', 'c']) fates.cameToNothing(lease, { started: true, reason: 'exit status 3' })
  for (const lease of ['d', 'e']) fates.cameToNothing(lease, { started: false, reason: 'it was not started' })
  expect(fates.counts).toMatchObject({ issued: 5, ended: 1, crashed: 2, notStarted: 2, open: 0 })
  expect(fates.functions).toEqual({ crashed: 1, timedOut: 0, outOfMemory: 0 })
})

test('every lease has one end, the first that was told, and those issued are all ends and the open ones together', () => {
  const leases = new LeaseFates()
  for (const lease of ['a', 'b', 'c', 'd', 'e', 'f']) leases.issued([lease])
  leases.over('a', 'ended')
  leases.over('b', 'lost')
  leases.over('b', 'ended')
  leases.cameToNothing('c', {
    started: true,
    reason: 'the function ended with Sandbox.Timedout: Task timed out after 3.00 seconds',
  })
  leases.cameToNothing('d', { started: true, reason: 'the function ended with Runtime.OutOfMemory: …' })
  leases.cameToNothing('e', { started: false, reason: 'it was not started' })
  leases.over('unknown', 'ended')
  expect(leases.counts).toMatchObject({ ended: 1, lost: 1, timedOut: 1, outOfMemory: 1, notStarted: 1, open: 1 })
  leases.close()
  leases.over('f', 'crashed')
  expect(leases.counts).toMatchObject({ crashed: 0, open: 1 })
  const { issued, ...others } = leases.counts
  expect(issued).toBe(sum(others))
})

test('the table has every kind of fault as injected, survived and seen; what met an attempt that failed was not survived', () => {
  const injected = {
    'crash during sends': 2,
    'throttled s3.GetObject': 3,
    'outage s3.PutObject': 1_000,
    'slow sqs.SendMessage': 7,
  }
  const records: FaultRecord[] = [
    record({ injected }, {}, { failedCalls: { s3: 5 } }),
    record({ injected: { 'crash after sends': 1 } }, {}, { attempt: 2, end: 'failed' }),
  ]
  expect(faultRows(records)).toEqual([
    { kind: 'functions that crashed', injected: 3, survived: 2, seen: 0 },
    { kind: 'calls of S3 that failed', injected: 1_003, survived: 1_003, seen: 5 },
    { kind: '  of these in an outage', injected: 1_000, survived: 1_000, seen: undefined },
    { kind: 'slow calls', injected: 7, survived: 7, seen: undefined },
  ])
  const lines = faultLines(records)
  expect(lines[0]).toMatch(/^faults +injected +survived +seen$/)
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}calls of S3 that failed +1,003 +1,003 +5$/))
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}\+ unexplained +0$/))
  expect(faultLines([record({}, {})])[1]).toBe('  none')
})
