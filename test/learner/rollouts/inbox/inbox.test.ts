import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeBatch } from '../../../../shared/batch/index.ts'
import { columnOf } from '../../../../shared/batch/columns.ts'
import type { SampleBatch } from '../../../../shared/batch/sampleBatch.ts'
import type { ObjectStore } from '../../../../shared/cloud/ports.ts'
import { keys } from '../../../../shared/protocol/keys.ts'
import type { FragmentMessage } from '../../../../shared/protocol/message.ts'
import { badQueue, badStore } from '../../../fakes/badMinutes.ts'
import { memoryQueue } from '../../../fakes/memoryQueue.ts'
import { memoryStore } from '../../../fakes/memoryStore.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'
import { sampleFragment, withColumns } from '../../../shared/batch/arbitrary.ts'
import { RUN, SHARDS, SIZE, fragmentOf, inboxOf, messageOf, reportOf } from '../inboxes.ts'

const idOf = ({ provenance }: SampleBatch) => `${provenance.shard}/${provenance.sequence}`
const inline = { store: memoryStore() }

/** A message whose body was made by hand: hash and length are right, so that only the content is wrong. */
function carrying(fragment: SampleBatch): FragmentMessage {
  const body = encodeBatch(fragment)
  return {
    kind: 'fragment',
    format: 1,
    ...fragment.provenance,
    sha256: createHash('sha256').update(body).digest('hex'),
    bytes: body.length,
    encoding: 'safetensors',
    body: { in: 'message', base64: Buffer.from(body).toString('base64') },
  }
}

const nanReward = (fragment: SampleBatch): SampleBatch => {
  const { T, B } = SIZE
  return withColumns(fragment, { rewards: columnOf(new Float32Array(T * B).fill(1).fill(Number.NaN, 5, 6), [T, B]) })
}

/** One bad message of every kind there is, for fragment (1, n) where it is for one, and how it is counted. */
const bad: Record<string, { kind: 'corrupt' | 'foreign'; make: (n: number) => Promise<object | string> }> = {
  'a truncated message': {
    kind: 'corrupt',
    make: async (n) => JSON.stringify(await messageOf(fragmentOf(1, n), inline)).slice(0, -40),
  },
  'a message of an unknown kind': { kind: 'corrupt', make: async () => ({ kind: 'gradient', format: 1 }) },
  'a message of a later format': {
    kind: 'corrupt',
    make: async (n) => ({ ...(await messageOf(fragmentOf(1, n), inline)), format: 2 }),
  },
  'a wrong hash': {
    kind: 'corrupt',
    make: async (n) => ({ ...(await messageOf(fragmentOf(1, n), inline)), sha256: 'ab'.repeat(32) }),
  },
  'a body with a NaN': { kind: 'corrupt', make: async (n) => carrying(nanReward(fragmentOf(1, n))) },
  'a body of another shape': {
    kind: 'corrupt',
    make: async (n) => {
      const { columns, provenance } = sampleFragment({ ...SIZE, B: 2 })
      const origin = { ...fragmentOf(1, n).provenance, policyVersion: provenance.policyVersion, envSteps: 8 }
      return carrying({ columns, provenance: origin, notes: {} })
    },
  },
  'a body that is no batch': {
    kind: 'corrupt',
    make: async (n) => {
      const body = Buffer.from('not a batch at all')
      const sha256 = createHash('sha256').update(body).digest('hex')
      const message = carrying(fragmentOf(1, n))
      return { ...message, sha256, bytes: body.length, body: { in: 'message', base64: body.toString('base64') } }
    },
  },
  'a pointer to a body that is not there': {
    kind: 'corrupt',
    make: (n) => messageOf(fragmentOf(1, n, { lease: '1-9' }), { store: memoryStore(), spilled: true }),
  },
  'a pointer to what is not its body': {
    kind: 'corrupt',
    make: async (n) => ({ ...carrying(fragmentOf(1, n)), body: { in: 'bucket', key: keys.manifest(RUN) } }),
  },
  'a shard that does not exist': { kind: 'corrupt', make: async (n) => messageOf(fragmentOf(SHARDS, n), inline) },
  'a fragment of another run': {
    kind: 'foreign',
    make: async (n) => messageOf(fragmentOf(1, n, { run: 'run-2' }), inline),
  },
  "another run's goodbye": {
    kind: 'foreign',
    make: async () => ({ kind: 'leaseEnd', format: 1, report: reportOf({ run: 'run-2' }) }),
  },
}

test('on a queue that only its own runs use, what one before it left is deleted: nothing of the run was dropped, nothing is told, no dead letter', async () => {
  const box = inboxOf({ leftovers: 'delete' })
  const { make } = bad['a fragment of another run']!
  await box.send(await make(0), { kind: 'leaseEnd', format: 1, report: reportOf({ run: 'run-2' }) }, '{"spoilt":1}')
  await box.send(await messageOf(fragmentOf(0, 0), inline))
  expect(box.got.map(idOf)).toEqual(['0/0'])
  expect(box.inbox.rejected).toEqual({ duplicate: 0, corrupt: 1, foreign: 0 })
  expect(box.queue.deadLetters).toHaveLength(1)
  await box.end()
  expect(box.events).toHaveLength(1)
  expect(box.reports).toEqual([])
  box.queue.redeliver()
  expect(box.queue.visible).toBe(1)
})

test('an invocation that the platform gave up comes with its lease, once; that of another run is foreign', async () => {
  const box = inboxOf()
  const record = (run: string) => ({
    requestContext: { requestId: 'r-1', condition: 'RetriesExhausted' },
    requestPayload: { run, leases: [{ shard: 2, lease: '2-0' }] },
    responseContext: { functionError: 'Unhandled' },
    responsePayload: { errorMessage: 'Task timed out after 180.00 seconds' },
  })
  await box.send(record(RUN), record('run-2'))
  expect(box.failed).toMatchObject([
    { leases: [{ shard: 2, lease: '2-0' }], started: true, reason: expect.stringContaining('timed out') },
  ])
  expect(box.inbox.rejected.foreign).toBe(1)
  await box.end()
  expect(box.queue.inFlight).toBe(0)
})

test.each(Object.entries(bad))(
  '%s never gets further: counted by kind, told once, put into the dead-letter queue; every good one comes through',
  async (_what, { kind, make }) => {
    const box = inboxOf()
    const message = await make(0)
    const good = [fragmentOf(0, 0), fragmentOf(1, 0), fragmentOf(2, 0), fragmentOf(1, 1)]
    const messages = await Promise.all(good.map((fragment, i) => messageOf(fragment, { ...box, spilled: i % 2 === 1 })))
    await box.send(messages[0]!, message, messages[1]!, messages[2]!, messages[3]!)
    expect(box.got.map(idOf).sort()).toEqual(['0/0', '1/0', '1/1', '2/0'])
    for (const fragment of box.got) {
      const sent = good.find((one) => idOf(one) === idOf(fragment))
      expect(fragment).toEqual(sent)
    }
    expect(box.inbox.rejected).toEqual({ duplicate: 0, corrupt: 0, foreign: 0, [kind]: 1 })
    expect(box.events).toHaveLength(1)
    expect(box.events[0]).toContain(`(${kind})`)
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    expect(box.queue.deadLetters).toEqual([{ body: text, reason: expect.stringMatching(/.{10}/) }])
    expect(box.inbox.size).toBe(4)
    expect(box.reports).toEqual([])
    expect(box.fatal).toEqual([])
    for (const fragment of box.got) box.inbox.consumed(fragment)
    await box.end()
    expect({ visible: box.queue.visible, inFlight: box.queue.inFlight }).toEqual({ visible: 0, inFlight: 0 })
    expect(box.clock.sleeping).toBe(0)
  },
)

test('whatever arrives how often and in which order, every good fragment comes through exactly once and everything else is counted', async () => {
  const kinds = Object.keys(bad)
  const copy = fc.record({ id: fc.nat(5), spilled: fc.boolean() })
  const event = fc.oneof(
    { weight: 3, arbitrary: copy },
    { weight: 1, arbitrary: fc.constantFrom(...kinds) },
    { weight: 1, arbitrary: fc.constant('redeliver' as const) },
    { weight: 1, arbitrary: fc.constant('consume' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
      const box = inboxOf()
      const sent = new Set<string>()
      const expected = { corrupt: 0, foreign: 0 }
      let taken = 0
      for (const one of events) {
        if (one === 'redeliver') box.queue.redeliver()
        else if (one === 'consume') {
          const fragment = box.got[taken]
          if (fragment) box.inbox.consumed(fragment)
          if (fragment) taken++
        } else if (typeof one === 'string') {
          const { kind, make } = bad[one]!
          expected[kind]++
          await box.queue.send(await make(50).then((m) => (typeof m === 'string' ? m : JSON.stringify(m))))
        } else {
          const fragment = fragmentOf(one.id % SHARDS, Math.floor(one.id / SHARDS))
          sent.add(idOf(fragment))
          // A copy in the bucket lies at the same key with the same content.
          await box.queue.send(JSON.stringify(await messageOf(fragment, { ...box, spilled: one.spilled })))
        }
        await box.send()
      }
      expect(box.got.map(idOf).sort()).toEqual([...sent].sort())
      for (const fragment of box.got) {
        const { shard, sequence } = fragment.provenance
        expect(fragment).toEqual(fragmentOf(shard, sequence))
      }
      expect(box.inbox.rejected).toMatchObject(expected)
      expect(box.queue.deadLetters).toHaveLength(expected.corrupt + expected.foreign)
      for (const fragment of box.got) box.inbox.consumed(fragment)
      await box.end()
      expect({ visible: box.queue.visible, inFlight: box.queue.inFlight }).toEqual({ visible: 0, inFlight: 0 })
      expect(box.store.objects.size).toBe(0)
      expect(box.fatal).toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('a message is deleted only when its fragment was consumed, a spilled body with it and not before', async () => {
  const box = inboxOf()
  const fragments = Array.from({ length: 12 }, (_, sequence) => fragmentOf(0, sequence))
  for (const fragment of fragments)
    await box.queue.send(JSON.stringify(await messageOf(fragment, { ...box, spilled: true })))
  await box.send()
  await box.clock.advance(60_000)
  expect(box.got).toHaveLength(12)
  expect({ inFlight: box.queue.inFlight, bodies: box.store.objects.size }).toEqual({ inFlight: 12, bodies: 12 })
  for (const fragment of box.got.slice(0, 10)) box.inbox.consumed(fragment)
  await box.settled()
  expect({ inFlight: box.queue.inFlight, bodies: box.store.objects.size }).toEqual({ inFlight: 2, bodies: 2 })
  box.inbox.consumed(box.got[10]!)
  box.inbox.consumed(box.got[10]!)
  await box.end()
  // What was not consumed stays for whoever comes next.
  expect({ inFlight: box.queue.inFlight, bodies: box.store.objects.size }).toEqual({ inFlight: 1, bodies: 1 })
  expect(box.inbox.consumedUpTo).toEqual([11, 0, 0])
})

test('a few consumed messages do not wait for more of them until they come back', async () => {
  const box = inboxOf()
  await box.send(await messageOf(fragmentOf(0, 0), inline))
  box.inbox.consumed(box.got[0]!)
  await box.clock.advance(30_000)
  expect(box.queue.inFlight).toBe(0)
  await box.end()
})

test('a message that comes again before its fragment was consumed is not deleted, and its newest receipt deletes it later', async () => {
  const box = inboxOf()
  await box.send(await messageOf(fragmentOf(0, 0), inline))
  for (let time = 0; time < 3; time++) {
    box.queue.redeliver()
    await box.clock.advance(30_000)
  }
  expect(box.got).toHaveLength(1)
  expect(box.inbox.rejected.duplicate).toBe(3)
  expect(box.queue.inFlight).toBe(1)
  box.inbox.consumed(box.got[0]!)
  await box.clock.advance(30_000)
  expect(box.queue.inFlight).toBe(0)
  await box.end()
})

test('a fragment that two leases made is taken once, and no body stays behind', async () => {
  for (const consumeFirst of [false, true]) {
    const box = inboxOf()
    const [first, copy] = [fragmentOf(0, 0), fragmentOf(0, 0, { lease: '0-1' })]
    const messages = await Promise.all([first, copy].map((one) => messageOf(one, { ...box, spilled: true })))
    await box.send(messages[0]!)
    if (consumeFirst) box.inbox.consumed(box.got[0]!)
    await box.send(messages[1]!)
    if (!consumeFirst) box.inbox.consumed(box.got[0]!)
    await box.end()
    expect(box.got).toHaveLength(1)
    expect(box.inbox.rejected.duplicate).toBe(1)
    expect({ inFlight: box.queue.inFlight, bodies: box.store.objects.size }).toEqual({ inFlight: 0, bodies: 0 })
  }
})

test('a copy is told from its first even after that was consumed, and leaves the body that others may need', async () => {
  const box = inboxOf()
  const message = await messageOf(fragmentOf(2, 0), { ...box, spilled: true })
  await box.send(message, message)
  expect({ got: box.got.length, bodies: box.store.objects.size }).toEqual({ got: 1, bodies: 1 })
  box.inbox.consumed(box.got[0]!)
  await box.send(message)
  expect(box.got).toHaveLength(1)
  expect(box.inbox.rejected).toEqual({ duplicate: 2, corrupt: 0, foreign: 0 })
  expect(box.queue.deadLetters).toEqual([])
  await box.end()
  expect(box.store.objects.size).toBe(0)
})

test('a full inbox receives nothing: no more than its capacity is ever held, and room is filled as it comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 23 }),
      fc.array(fc.nat(5), { maxLength: 12 }),
      async (capacity, bites) => {
        const box = inboxOf({ capacity })
        const total = 40
        for (let i = 0; i < total; i++)
          await box.queue.send(JSON.stringify(await messageOf(fragmentOf(i % SHARDS, i), inline)))
        await box.send()
        let consumed = 0
        for (const bite of bites) {
          expect(box.inbox.size).toBe(Math.min(capacity, total - consumed))
          expect(box.queue.inFlight).toBeLessThanOrEqual(capacity + 10)
          for (let i = 0; i < bite && consumed < box.got.length; i++) box.inbox.consumed(box.got[consumed++]!)
          await box.settled()
        }
        expect(box.got).toHaveLength(Math.min(total, consumed + capacity))
        await box.end()
      },
    ),
    { numRuns: 25 },
  )
})

test('a goodbye is passed on and deleted; its requests and those of the inbox are billed', async () => {
  const box = inboxOf()
  const report = reportOf({ shard: 2, fragments: 7 })
  await box.send({ kind: 'leaseEnd', format: 1, report })
  expect(box.reports).toEqual([report])
  await box.send(await messageOf(fragmentOf(0, 0), { ...box, spilled: true }))
  box.inbox.consumed(box.got[0]!)
  await box.end()
  expect(box.queue.inFlight).toBe(0)
  // Two receives, one that was waiting at the end, and one delete of both; one read of a body.
  expect(box.bill).toEqual({ sqs: 4, s3Get: 1 })
})

test('a bucket that fails is no fault of the message: the run hears of it, and the message is neither lost nor dead', async () => {
  const box = inboxOf()
  const message = await messageOf(fragmentOf(0, 0), { ...box, spilled: true })
  box.store.failNext('get')
  await box.send(message)
  expect(box.fatal).toEqual([expect.objectContaining({ code: 'E_STORE' })])
  expect(box.queue.deadLetters).toEqual([])
  box.queue.redeliver()
  await box.settled()
  expect(box.got).toHaveLength(1)
  await box.end()
})

test('a queue that refuses ends receiving with its error; nobody dies of a delete: it is told, tried again, and done', async () => {
  const box = inboxOf()
  await box.send(...(await Promise.all(Array.from({ length: 10 }, (_, n) => messageOf(fragmentOf(0, n), inline)))))
  box.queue.failNext('delete')
  for (const fragment of box.got) box.inbox.consumed(fragment)
  await box.settled()
  expect(box.events).toEqual([expect.stringMatching(/^messages are not deleted: .* the run goes on/)])
  expect(box.queue.inFlight).toBe(10)
  await box.clock.advance(30_000)
  expect(box.queue.inFlight).toBe(0)
  await box.end()
  expect(box.fatal).toEqual([])
  const other = inboxOf()
  other.queue.failNext('receive')
  await expect(other.inbox.pump()).rejects.toMatchObject({ code: 'E_QUEUE' })
})

test('deletes that always fail end nothing: what comes back is a duplicate, and the end says how many are left', async () => {
  const clock = virtualClock()
  const queue = memoryQueue({ clock })
  const box = inboxOf({ clock, queue: badQueue(queue, (call) => call === 'delete') })
  for (let n = 0; n < 30; n++) await queue.send(JSON.stringify(await messageOf(fragmentOf(0, n), inline)))
  const pumping = box.inbox.pump()
  await clock.advance(0)
  for (const fragment of box.got) box.inbox.consumed(fragment)
  for (let minute = 0; minute < 10; minute++) {
    await clock.advance(60_000)
    queue.redeliver()
  }
  await clock.advance(1_000)
  expect(box.got).toHaveLength(30)
  expect(box.inbox.rejected.duplicate).toBe(300)
  await box.end()
  await pumping
  expect(box.fatal).toEqual([])
  expect(box.events).toEqual([
    expect.stringMatching(/^messages are not deleted/),
    'messages that were not deleted: 330',
  ])
})

test('an outage of the queue is ridden out, and while it lasts nobody is blamed for what was not heard; one of ten minutes ends the run', async () => {
  const clock = virtualClock()
  const queue = memoryQueue({ clock })
  let out = false
  const box = inboxOf({ clock, queue: badQueue(queue, (call) => out && call === 'receive') })
  const pumping = box.inbox.pump()
  await clock.advance(1_000)
  expect(box.inbox.heardAllSince(clock.monotonic())).toBe(true)
  out = true
  await clock.advance(60_000)
  expect(box.outages[0]).toMatchObject({ code: 'E_QUEUE' })
  expect(box.inbox.listens).toBe(false)
  const during = clock.monotonic()
  out = false
  await queue.send(JSON.stringify(await messageOf(fragmentOf(0, 0), inline)))
  await clock.advance(10_000)
  expect(box.got).toHaveLength(1)
  expect(box.inbox.heardAllSince(during)).toBe(false)
  expect(box.inbox.heardAllSince(clock.monotonic())).toBe(true)
  out = true
  const ended = expect(pumping).rejects.toMatchObject({ code: 'E_QUEUE' })
  await clock.advance(220_000)
  await ended
})

test('a bucket that is away for a minute delays a spilled body and loses nothing', async () => {
  const clock = virtualClock()
  const store = memoryStore()
  const message = await messageOf(fragmentOf(0, 0), { store, spilled: true })
  const from = clock.monotonic()
  const box = inboxOf({ clock, store: badStore(store, () => clock.monotonic() - from < 60_000) })
  await box.queue.send(JSON.stringify(message))
  const pumping = box.inbox.pump()
  await clock.advance(59_000)
  expect(box.got).toEqual([])
  await clock.advance(7_000)
  expect(box.got).toHaveLength(1)
  expect(box.fatal).toEqual([])
  await box.end()
  await pumping
})

test('closing waits for bodies on their way, and gives nothing on that arrives after the end', async () => {
  const store = memoryStore()
  let arrive: () => void = () => undefined
  const slow: ObjectStore = {
    ...store,
    async get(key) {
      await new Promise<void>((resolve) => (arrive = resolve))
      return store.get(key)
    },
  }
  const box = inboxOf({ store: slow })
  await box.send(await messageOf(fragmentOf(0, 0), { store, spilled: true }))
  let ended = false
  const ending = box.end().then(() => (ended = true))
  await box.settled()
  expect(ended).toBe(false)
  arrive()
  await ending
  expect(box.got).toEqual([])
  expect(box.queue.inFlight).toBe(1)
})

test('all that was sent has come where there was room all the while, and never while a receive is long overdue', async () => {
  const i = inboxOf({ capacity: 1 })
  const from = i.clock.now()
  const [first, second] = [fragmentOf(0, 0), fragmentOf(0, 1)]
  await i.send(await messageOf(first, i))
  expect(i.inbox.heardAllSince(from)).toBe(false)
  await i.clock.advance(1_000)
  i.inbox.consumed(first)
  await i.settled()
  expect(i.inbox.heardAllSince(from)).toBe(false)
  expect(i.inbox.heardAllSince(from + 1_000)).toBe(true)
  await i.send(await messageOf(second, i))
  expect(i.inbox.heardAllSince(from + 1_000)).toBe(false)
  i.inbox.consumed(second)
  await i.settled()
  await i.clock.advance(100_000)
  expect(i.inbox.heardAllSince(from + 1_000)).toBe(true)
  await i.end()

  const hung = inboxOf()
  hung.queue.receive = () => new Promise(() => undefined)
  void hung.inbox.pump()
  await hung.clock.advance(40_000)
  expect(hung.inbox.heardAllSince(0)).toBe(false)
  await hung.clock.advance(1)
  expect(hung.inbox.heardAllSince(hung.clock.now())).toBe(false)
})

test('fragments of the run that are rejected in a row, none of them good, end it with what is wrong with them', async () => {
  const box = inboxOf()
  for (let n = 0; n < 7; n++) await box.send(carrying(nanReward(fragmentOf(1, n))))
  await box.send(await messageOf(fragmentOf(0, 0), inline))
  for (let n = 7; n < 14; n++) await box.send(carrying(nanReward(fragmentOf(1, n))))
  expect(box.fatal).toEqual([])
  await box.send(carrying(nanReward(fragmentOf(1, 14))))
  expect(box.fatal).toEqual([
    expect.objectContaining({
      code: 'E_BATCH_VALUE',
      message: expect.stringMatching(/^rewards\[5\] is NaN .*; 8 fragments in a row were rejected, and none was good$/),
      where: expect.objectContaining({ column: 'rewards', index: 5, shard: 1, sequence: 14 }),
    }),
  ])
  await box.end()
})

test('messages that are not the run’s, however many, do not end it', async () => {
  let rejected = 0
  const box = inboxOf({ onRejected: () => rejected++ })
  for (let n = 0; n < 30; n++) await box.send('{', await messageOf(fragmentOf(1, n, { run: 'another' }), inline))
  expect(box.fatal).toEqual([])
  expect(box.inbox.rejected).toMatchObject({ corrupt: 30, foreign: 30 })
  expect(rejected).toBe(60)
  await box.end()
})
