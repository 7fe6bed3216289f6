import type { Clock, ObjectStore } from '../cloud/ports.ts'
import type { Lease } from '../protocol/lease.ts'
import { ManifestWatch } from './manifestWatch.ts'

/** The leases of one invocation while a function works on them side by side. They look at the manifest together. */
export class LeaseGroup {
  readonly watch: ManifestWatch
  private working: number
  private waiting = 0

  /** @param clockAhead see `LearnerWord` */
  constructor(leases: readonly [Lease, ...Lease[]], { store, clock }: LeaseGroupPorts, clockAhead = 0) {
    const [{ run, manifestPollMs: pollMs }] = leases
    this.watch = new ManifestWatch(store, clock, { run, pollMs, clockAhead })
    this.working = leases.length
  }

  /** One of them waits for something that the manifest is to tell. */
  async whileWaiting<T>(wait: () => Promise<T>): Promise<T> {
    this.waiting++
    try {
      return await wait()
    } finally {
      this.waiting--
    }
  }

  /** Is there nothing to do in this function but to wait? Its place is free only where all leave it. */
  get allWait(): boolean {
    return this.waiting === this.working
  }

  /** One of them is over. */
  left(): void {
    this.working--
  }
}

interface LeaseGroupPorts {
  readonly store: ObjectStore
  readonly clock: Clock
}
