import { Inbox, type InboxOptions } from '../../../learner/rollouts/inbox/inbox.ts'
import { packFragment, toMessage, validateFragment } from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { Patience } from '../../../shared/cloud/patience.ts'
import { MillraceError } from '../../../shared/errors.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import type { FragmentMessage, InvocationFailed } from '../../../shared/protocol/message.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { type VirtualClock, virtualClock } from '../../fakes/virtualClock.ts'
import { formOf, sampleFragment } from '../../shared/batch/arbitrary.ts'

export const RUN = 'run-1'
export const SIZE = { T: 4, B: 3, D: 2 }
export const SHARDS = 3

/** A good fragment of the run. */
export function fragmentOf(
  shard: number,
  sequence: number,
  changes: Partial<SampleBatch['provenance']> = {},
): SampleBatch {
  const fragment = sampleFragment(SIZE, 7 + shard * 1000 + sequence)
  return {
    ...fragment,
    provenance: { ...fragment.provenance, run: RUN, shard, lease: `${shard}-0`, sequence, ...changes },
  }
}

/** Its message as a function sends it; through the bucket where `spilled`. */
export async function messageOf(
  fragment: SampleBatch,
  { store, spilled = false }: { readonly store: ObjectStore; readonly spilled?: boolean },
): Promise<FragmentMessage> {
  const packed = packFragment(fragment, { compress: false, spillAboveBytes: spilled ? 0 : 300_000 })
  return (await toMessage(packed, store)).message
}

export const reportOf = (changes: Partial<LeaseReport> = {}): LeaseReport => ({
  run: RUN,
  shard: 0,
  lease: '0-0',
  end: 'deadline',
  fragments: 0,
  envSteps: 0,
  totalMs: 100,
  steppingMs: 90,
  waitingMs: 0,
  coldStart: false,
  requests: { s3Put: 0, s3Get: 0, sqs: 0 },
  ...changes,
})

/** An inbox between fakes; what it gives is collected, and nothing is consumed unless the test does it. */
export function inboxOf(changes: Partial<InboxOptions> & { readonly clock?: VirtualClock } = {}) {
  const clock = changes.clock ?? virtualClock()
  const store = memoryStore()
  const queue = memoryQueue({ clock })
  const abort = new AbortController()
  const got: SampleBatch[] = []
  const reports: LeaseReport[] = []
  const failed: InvocationFailed[] = []
  const events: string[] = []
  const fatal: unknown[] = []
  const outages: unknown[] = []
  const bill = { sqs: 0, s3Get: 0 }
  const inbox = new Inbox({
    queue,
    store,
    clock,
    patience: new Patience({
      clock,
      signal: abort.signal,
      onOutage: (error) => outages.push(error),
      random: () => 0.5,
    }),
    run: RUN,
    leftovers: 'reject',
    shards: SHARDS,
    capacity: 100,
    check(fragment) {
      if (fragment.provenance.shard >= SHARDS) throw new MillraceError('E_MESSAGE', 'that shard does not exist')
      validateFragment(fragment, formOf(SIZE))
    },
    onFragment: (fragment) => got.push(fragment),
    onLeaseEnd: (report) => reports.push(report),
    onInvocationFailed: (one) => failed.push(one),
    onEvent: (text) => events.push(text),
    onFatal: (error) => fatal.push(error),
    onRequests({ sqs = 0, s3Get = 0 }) {
      bill.sqs += sqs
      bill.s3Get += s3Get
    },
    signal: abort.signal,
    ...changes,
  })
  const settled = () => clock.advance(0)
  let pumping: Promise<void> | undefined
  return {
    inbox,
    clock,
    store,
    queue,
    got,
    reports,
    failed,
    events,
    fatal,
    outages,
    bill,
    settled,
    async send(...messages: readonly (object | string)[]) {
      for (const message of messages) await queue.send(typeof message === 'string' ? message : JSON.stringify(message))
      pumping ??= inbox.pump()
      await settled()
    },
    async end() {
      abort.abort()
      await inbox.close()
      await pumping
    },
  }
}
