import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MessageLedger } from '../../../infra/clouds/messageLedger.ts'
import { faultLines, faultRecord } from '../../../library/run/faultRecord.ts'
import { FaultSetting } from '../../../shared/faults/index.ts'
import type { QueueMessage } from '../../../shared/cloud/ports.ts'

const setting = FaultSetting.parse({})
const FRAGMENT = '{"kind":"fragment","format":1}'
const REPORT = '{"kind":"leaseEnd","format":1}'

/** What may become of a message: how often it is delivered, and what the learner makes of each delivery. */
const lives = fc.array(
  fc.record({
    body: fc.constantFrom(FRAGMENT, REPORT),
    isCopy: fc.boolean(),
    fates: fc.array(fc.constantFrom('trained', 'stale', 'duplicate', 'corrupt', 'foreign', 'inHand'), { maxLength: 3 }),
  }),
)

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
      const fates = { trained: 0, stale: 0, duplicate: 0, corrupt: 0, foreign: 0, inHand: 0 }
      for (const [i, { body, isCopy, fates: of }] of messages.entries()) {
        ledger.kept(String(i), body, isCopy)
        for (const fate of of) {
          const message = { id: String(i), receipt: '', body: 'perhaps damaged', receiveCount: 1 }
          delivered = [message]
          await queue.receive({ max: 1, waitMs: 0 })
          const rejected = fate === 'corrupt' || fate === 'foreign'
          if (rejected) await queue.reject(message, fate)
          if (body === FRAGMENT || rejected) fates[fate]++
        }
      }
      const cloud = { injected: {}, ...ledger.counts() }
      const { account } = faultRecord({ attempt: 1, setting, cloud, fates, warnings: 0 })
      const fragments = messages.filter(({ body }) => body === FRAGMENT)
      expect(account?.unexplained).toBe(0)
      expect(account?.sent.fragments).toBe(fragments.filter(({ isCopy }) => !isCopy).length)
      expect(account?.became.undelivered).toBe(fragments.filter((each) => each.fates.length === 0).length)
    }),
  )
})

test('a fragment that was trained on twice, or dropped without a word, shows as unexplained', () => {
  const cloud = { injected: {}, sent: 5, copied: 0, undelivered: 1, again: 0, rejectedOthers: 0 }
  const fates = { trained: 4, stale: 0, duplicate: 0, corrupt: 0, foreign: 0, inHand: 0 }
  const unexplained = (trained: number) =>
    faultRecord({ attempt: 1, setting, cloud, fates: { ...fates, trained }, warnings: 0 }).account?.unexplained
  expect([unexplained(4), unexplained(5), unexplained(3)]).toEqual([0, -1, 1])
})

test('the tables name every fault with its count, and every fate; of an attempt that was killed there is the first alone', () => {
  const cloud = {
    injected: { 'crash during sends': 1_234 },
    sent: 5,
    copied: 1,
    undelivered: 1,
    again: 2,
    rejectedOthers: 0,
  }
  const fates = { trained: 4, stale: 0, duplicate: 3, corrupt: 0, foreign: 0, inHand: 0 }
  const record = faultRecord({ attempt: 1, setting, cloud, fates, warnings: 7 })
  expect(faultLines(record)).toEqual([
    'faults injected',
    '  crash during sends          1,234',
    'fragments: the first three together are the others together',
    '  sent by functions               5',
    '  copies                          1',
    '  delivered again                 2',
    '  trained on                      4',
    '  dropped as stale                0',
    '  dropped as duplicates           3',
    '  rejected                        0',
    '  undelivered at the end          1',
    '  in hand at the end              0',
    '  unexplained                     0',
  ])
  expect(faultLines({ attempt: 1, setting, injected: {} })).toEqual(['faults injected', '  none'])
})
