import { vi } from 'vitest'
import { Handover } from '../../../learner/rollouts/leases/handover.ts'
import { LeaseKeeper, type LeaseKeeperOptions } from '../../../learner/rollouts/leases/leaseKeeper.ts'
import type { NewLease } from '../../../learner/rollouts/leases/issuer.ts'
import { Places } from '../../../learner/rollouts/leases/places.ts'
import { systemClock } from '../../../shared/cloud/clock.ts'
import { CostMeter } from '../../../shared/cost/costMeter.ts'
import { US_EAST_1 } from '../../../shared/cost/priceBook.ts'
import { invocationOf, parseInvocation } from '../../../shared/protocol/invocation.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { fakeInvoker } from '../../fakes/fakeInvoker.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { RUN, leaseOf } from '../../shared/rollout/leases.ts'
import { reportOf } from './inboxes.ts'

export const LEASE_MS = 60_000
export const LATE_MS = 5_000

/** A keeper on the system clock: under fake timers its watchdogs and pauses take no time. */
export function keeperOf(
  changes: Partial<LeaseKeeperOptions> = {},
  room: Partial<ConstructorParameters<typeof Places>[0]> = {},
) {
  const abort = new AbortController()
  const invoker = fakeInvoker()
  const events: string[] = []
  const fatal: unknown[] = []
  const meter = new CostMeter(US_EAST_1, { memoryMb: 1024, now: () => systemClock.monotonic() })
  const store = memoryStore()
  const handover = new Handover({ run: RUN, env: 'env', leaseSeconds: 60, store, onEvent: (text) => events.push(text) })
  // Without jitter.
  const places = new Places({
    clock: systemClock,
    functions: 4,
    random: () => 1,
    onEvent: (text) => events.push(text),
    signal: abort.signal,
    ...room,
  })
  const keeper = new LeaseKeeper({
    invoker,
    places,
    clock: systemClock,
    meter,
    leaseMs: LEASE_MS,
    makeInvocation: ([first, ...rest], { deadline }) => {
      const of = (lease: NewLease | undefined) => leaseOf({ ...lease, deadline })
      return invocationOf([of(first), ...rest.map(of)])
    },
    goOnAt: () => 1000,
    heardAllSince: () => true,
    exact: false,
    fragmentLength: 20,
    policyIsOut: () => true,
    learnerSpeaksSince: () => Number.NEGATIVE_INFINITY,
    outageSince: () => false,
    handover,
    onEvent: (text) => events.push(text),
    onFatal: (error) => fatal.push(error),
    signal: abort.signal,
    ...changes,
  })
  const settled = () => vi.advanceTimersByTimeAsync(0)
  const invocations = () => invoker.payloads.map(parseInvocation)
  const leases = () => invocations().flat()
  return {
    keeper,
    handover,
    store,
    invoker,
    meter,
    abort,
    events,
    fatal,
    leases,
    invocations,
    settled,
    async open(shards: number) {
      places.open()
      keeper.open(shards)
      await settled()
    },
    /** The function that works under the newest lease of a shard says goodbye. */
    async ends(shard: number, report: Partial<LeaseReport> = {}) {
      const lease = leases().findLast((one) => one.shard === shard)
      keeper.ended(reportOf({ shard, lease: lease?.lease ?? 'none', ...report }))
      await settled()
      return lease
    },
  }
}
