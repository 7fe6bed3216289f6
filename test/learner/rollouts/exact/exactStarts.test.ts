import { Outages } from '../../../../learner/run/outages.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RunCloud } from '../../../../learner/run/cloud.ts'
import { ExactStarts } from '../../../../learner/rollouts/exact/exactStarts.ts'
import { SavedStates } from '../../../../learner/rollouts/exact/savedStates.ts'
import { Sampler } from '../../../../learner/rollouts/sampler.ts'
import { rolloutForm } from '../../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../../shared/batch/sampleBatch.ts'
import { systemClock } from '../../../../shared/cloud/clock.ts'
import type { BatchQueue, ObjectStore } from '../../../../shared/cloud/ports.ts'
import { CostMeter } from '../../../../shared/cost/costMeter.ts'
import { US_EAST_1 } from '../../../../shared/cost/priceBook.ts'
import { invocationOf, parseInvocation } from '../../../../shared/protocol/invocation.ts'
import type { Lease } from '../../../../shared/protocol/lease.ts'
import { fakeInvoker } from '../../../fakes/fakeInvoker.ts'
import { memoryQueue } from '../../../fakes/memoryQueue.ts'
import { memoryStore } from '../../../fakes/memoryStore.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'
import { reportOf } from '../inboxes.ts'
import { RUN, leaseOf, publish, work } from '../../../shared/rollout/leases.ts'

const SHARDS = 2
const FRAGMENTS = 12

/** What goes wrong with one lease, at its message `at`. */
interface Fault {
  readonly kind: 'none' | 'crash' | 'failedSend' | 'flipped' | 'noState' | 'badState'
  readonly at: number
  /** Fragments after which it ends, where it comes so far. */
  readonly length: number
  readonly saves: boolean
}

function flipped(body: string): string {
  const message = JSON.parse(body) as { body?: { base64?: string } }
  const { base64 } = message.body ?? {}
  if (base64 === undefined) return body
  const at = base64.length >> 1
  const other = base64[at] === 'A' ? 'B' : 'A'
  return JSON.stringify({
    ...message,
    body: { ...message.body, base64: base64.slice(0, at) + other + base64.slice(at + 1) },
  })
}

/** What Lambda says of an invocation that failed. */
const crashOf = (lease: Lease): string =>
  JSON.stringify({
    requestContext: { requestId: 'r', condition: 'RetriesExhausted' },
    requestPayload: invocationOf([lease]),
    responseContext: { functionError: 'Unhandled' },
  })

/** The cloud as the function of this lease sees it. */
function faulty(lease: Lease, { kind, at }: Fault, { store, queue }: { store: ObjectStore; queue: BatchQueue }) {
  let [sent, saved] = [0, 0]
  const sends: BatchQueue['send'] = async (body) => {
    const now = sent++
    if (kind === 'crash' && now >= at) {
      if (now === at) await queue.send(crashOf(lease))
      return
    }
    if (kind === 'failedSend' && now === at) throw new Error('the queue is away')
    await queue.send(kind === 'flipped' && now === at ? flipped(body) : body)
  }
  const puts: ObjectStore['put'] = async (key, body, condition) => {
    if (key.startsWith('states/') && kind === 'noState') throw new Error('the store is away')
    if (key.startsWith('states/') && kind === 'badState' && saved++ === 0)
      return await store.put(key, body.slice(0, -1), condition)
    return await store.put(key, body, condition)
  }
  return { store: { ...store, put: puts }, queue: { ...queue, send: sends } }
}

async function fragmentsUnder(faults: readonly Fault[]): Promise<{ got: SampleBatch[]; broken: string | undefined }> {
  const [store, queue, idle] = [memoryStore(), memoryQueue({ clock: virtualClock() }), virtualClock()]
  let leases = 0
  const invoker = fakeInvoker(async (payload) => {
    const [lease] = parseInvocation(payload)
    const fault = faults[leases++] ?? { kind: 'none', at: 0, length: 4, saves: true }
    const { length } = fault
    const steps = length + (lease.sendFrom ?? lease.firstSequence) - lease.firstSequence
    const given = { ...lease, maxFragments: Math.min(steps, lease.maxFragments), saveEveryMs: fault.saves ? 0 : 1e9 }
    await work(given, faulty(given, fault, { store, queue })).catch(() => queue.send(crashOf(lease)))
  })
  const cloud: RunCloud = {
    where: 'here',
    store,
    queue,
    invoker,
    clock: { ...systemClock, sleep: (ms, signal) => idle.sleep(ms, signal) },
    bucket: 'bucket',
    queueUrl: 'queue',
    spillAboveBytes: 300_000,
    manifestPollMs: 0,
    heartbeatMs: 10_000,
    memoryMb: 1024,
    trainWorker: undefined,
    close: async () => undefined,
  }
  const lease = leaseOf()
  const { env, policy } = lease
  const sampler = new Sampler({
    run: RUN,
    cloud,
    rollouts: { shards: SHARDS, envsPerShard: 4, fragmentLength: 5, leaseSeconds: 60 },
    env,
    policy,
    form: rolloutForm(lease),
    seed: 1,
    pacing: { mode: 'exact', perVersion: 100, lead: 0, patienceMs: 60_000 },
    newestVersion: () => 0,
    meter: new CostMeter(US_EAST_1, { memoryMb: 1024, now: () => systemClock.now() }),
    onEvent: () => undefined,
    learnerSpeaksSince: () => Number.NEGATIVE_INFINITY,
    outages: new Outages(systemClock, () => undefined),
  })
  await publish(store)
  const opened = sampler.source.open({ mode: 'async', inFlight: 1, stages: [], signal: new AbortController().signal })
  const early = new Map<string, SampleBatch>()
  const got: SampleBatch[] = []
  for (let n = 0; n < FRAGMENTS * SHARDS; n++) {
    const [shard, wanted] = [n % SHARDS, `${n % SHARDS}/${Math.floor(n / SHARDS)}`]
    while (!early.has(wanted)) {
      const event = await opened.request(String(shard))
      if (event.kind !== 'item') throw new Error(event.kind)
      const { provenance } = event.item
      early.set(`${provenance.shard}/${provenance.sequence}`, event.item)
    }
    const fragment = early.get(wanted)
    if (!fragment) throw new Error('it is there')
    got.push(fragment)
    sampler.consumed(fragment)
  }
  const broken = sampler.brokenBecause
  await publish(store, {}, { stop: true })
  await opened.close()
  await invoker.idle()
  return { got, broken }
}

const dataOf = (fragments: readonly SampleBatch[]) =>
  fragments.map(({ provenance: { shard, sequence }, columns }) => ({ shard, sequence, columns }))

const anyFault = fc.record<Fault>({
  kind: fc.constantFrom('none', 'crash', 'failedSend', 'flipped', 'noState', 'badState'),
  at: fc.integer({ min: 1, max: 4 }),
  length: fc.integer({ min: 1, max: 5 }),
  saves: fc.boolean(),
})

test('whatever crashes, is damaged or lost on its way, in an exact pace the same fragments come, each once', async () => {
  const calm = await fragmentsUnder([])
  expect(calm.got).toHaveLength(FRAGMENTS * SHARDS)
  await fc.assert(
    fc.asyncProperty(fc.array(anyFault, { maxLength: 12 }), async (faults) => {
      const { got, broken } = await fragmentsUnder(faults)
      // Two damaged states in a row are all that there were, and the run says so.
      if (broken !== undefined && faults.filter(({ kind }) => kind === 'badState').length > 1) return
      expect(broken).toBeUndefined()
      expect(dataOf(got)).toEqual(dataOf(calm.got))
    }),
    { numRuns: 25, interruptAfterTimeLimit: 10_000, timeout: 5_000, endOnFailure: true },
  )
})

test('an env that cannot be saved goes on anew where a lease ended by the clock, and the run says once that it does not repeat', () => {
  const told: string[] = []
  const states = new SavedStates({ shards: 1, store: memoryStore(), consumedUpTo: () => [0] })
  const starts = new ExactStarts({ run: RUN, states, firstMissing: () => 7, onBroken: (reason) => told.push(reason) })
  const end = { end: 'deadline', nextSequence: 5, fragments: 5, episodesCut: 4 } as const
  expect(starts.after(reportOf({ ...end, end: 'heartbeat' }), { firstSequence: 0 })).toMatchObject({
    firstSequence: 0,
    sendFrom: 5,
  })
  expect(told).toEqual([])
  expect(starts.after(reportOf(end), { firstSequence: 0 })).toEqual({ firstSequence: 5, envState: undefined })
  expect(told).toEqual([expect.stringContaining('the env has no save and load')])
  // A crash of the next one is stepped again from there.
  expect(starts.again(0)).toEqual({ firstSequence: 5, envState: undefined, sendFrom: 7 })
})

function fixedStarts(anewEvery: number) {
  const told: string[] = []
  const states = new SavedStates({ shards: 1, store: memoryStore(), consumedUpTo: () => [17], anewEvery })
  const starts = new ExactStarts({ run: RUN, states, firstMissing: () => 17, onBroken: (reason) => told.push(reason) })
  return { starts, states, told }
}

test('where envs cannot be saved leases end at fixed sequence numbers, and whatever is lost is stepped again from the last of them', () => {
  const { starts, states, told } = fixedStarts(5)
  const after = (nextSequence: number, start: { firstSequence: number; sendFrom?: number }) =>
    starts.after(reportOf({ end: 'deadline', nextSequence, fragments: 1, episodesCut: 4 }), start)
  expect(starts.again(0)).toMatchObject({ firstSequence: 15, sendFrom: 17, maxFragments: 5 })
  expect(after(10, { firstSequence: 5 })).toMatchObject({ firstSequence: 10, maxFragments: 5 })
  expect(after(8, { firstSequence: 5 })).toMatchObject({ firstSequence: 5, sendFrom: 8, maxFragments: 5 })
  expect(starts.repair(0, { from: 12, to: 18 })).toMatchObject({ firstSequence: 10, sendFrom: 12, maxFragments: 5 })
  expect(states.at([17])?.points).toEqual([{ sequence: 15 }])
  expect(states.oldest).toEqual([15])
  expect(starts.cuts(reportOf({ nextSequence: 10 }), { firstSequence: 5 })).toBe(true)
  expect(starts.cuts(reportOf({ nextSequence: 9 }), { firstSequence: 5 })).toBe(false)
  expect(told).toEqual([])
})

test('a lease that cannot come to its fixed end, three times in a row, makes the run say that it does not repeat', () => {
  const { starts, states, told } = fixedStarts(100)
  const stuck = () =>
    starts.after(reportOf({ end: 'deadline', nextSequence: 30, fragments: 0 }), { firstSequence: 0, sendFrom: 40 })
  for (let i = 0; i < 2; i++) expect(stuck()).toMatchObject({ firstSequence: 0, sendFrom: 40 })
  expect(told).toEqual([])
  expect(stuck()).toMatchObject({ firstSequence: 40, maxFragments: 60 })
  expect(told).toEqual([expect.stringMatching(/leaseSeconds.*leaseFragments/)])
  expect(states.before(0, 45)).toEqual({ sequence: 40 })
})

test('a lease that ends amid the messages of a fragment is stepped again from its steps, however often', () => {
  const broken: string[] = []
  const states = new SavedStates({ shards: 1, store: memoryStore(), consumedUpTo: () => [0] })
  const onBroken = (reason: string) => void broken.push(reason)
  const starts = new ExactStarts({ run: RUN, states, rounds: 4, firstMissing: () => 3, onBroken })
  const report = reportOf({ end: 'deadline', fragments: 3, nextSequence: 3 })
  for (let lease = 0; lease < 4; lease++)
    expect(starts.after(report, { firstSequence: 0 })).toEqual({ firstSequence: 0, sendFrom: 3, envState: undefined })
  expect(broken).toEqual([])
})
