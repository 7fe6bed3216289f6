import type { ObjectStore } from '../cloud/ports.ts'
import type { EnvSource } from '../env/index.ts'
import type { Lease, LeaseReport } from '../protocol/lease.ts'
import { LeaseGroup } from './leaseGroup.ts'
import type { RolloutWorker } from './rolloutWorker.ts'
import { type LeaseJob, runLease } from './runLease.ts'

/** An invocation being worked on. */
export interface InvocationJob extends Pick<LeaseJob, 'ports' | 'signal' | 'limitMs' | 'coldStart' | 'loadMs'> {
  readonly leases: readonly [Lease, ...Lease[]]
  /** One for each lease. */
  readonly workers: readonly RolloutWorker[]
  /** Where the envs of a lease come from; what it fails with ends the lease. */
  readonly source: (lease: Lease, store: ObjectStore) => Promise<EnvSource>
  /** Runs the work of one lease; at once unless told. */
  readonly within?: (lease: Lease, work: () => Promise<LeaseReport>) => Promise<LeaseReport>
}

/**
 * Works on the leases of an invocation side by side, each with envs and random streams of its own: what a stream of experience holds does
 * not depend on who else is in the function. One that fails leaves the others alone. The invocation is over when all of them are.
 *
 * @returns their reports in the order of the leases
 * @throws what the first goodbye that could not be sent failed with, once all leases are over
 */
export async function runInvocation(job: InvocationJob): Promise<readonly LeaseReport[]> {
  const { leases, workers, source, within = (_, work) => work(), ...rest } = job
  const { clock } = rest.ports
  const group = new LeaseGroup(leases, rest.ports, workers[0]?.clockAhead)
  const works = leases.map(async (lease, i) => {
    const worker = workers[i]
    if (!worker) throw new RangeError(`${leases.length} leases, and ${workers.length} workers`)
    const prepare = async (store: ObjectStore) => await worker.begin(lease, store, await source(lease, store), clock)
    try {
      return await within(lease, () => runLease({ ...rest, lease, worker, prepare, group }))
    } finally {
      group.left()
    }
  })
  const settled = await Promise.allSettled(works)
  await group.watch.close()
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}
