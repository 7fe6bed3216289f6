import type { BatchQueue, Clock, ObjectStore } from '../cloud/ports.ts'
import { isMillraceError } from '../errors.ts'
import type { Lease, LeaseEnd, LeaseReport, StartParts } from '../protocol/lease.ts'
import type { Manifest } from '../protocol/manifest.ts'
import { ManifestWatch } from './manifestWatch.ts'
import { Pace } from './pace.ts'
import { Sender } from './sender.ts'
import type { FragmentSender } from './fragmentSender.ts'
import type { Left } from './leaseState.ts'
import type { RolloutWorker } from './rolloutWorker.ts'

/** Time kept back before the deadline, for the sends in flight and the last report. */
const MARGIN_MS = 500
/** Functions start while the learner does: this long one waits for its first manifest. */
const FIRST_MANIFEST_MS = 30_000

/** What a lease needs of the world. */
export interface RolloutPorts {
  readonly store: ObjectStore
  readonly queue: BatchQueue
  readonly clock: Clock
}

/** One lease being worked on. */
export interface LeaseJob {
  readonly lease: Lease
  readonly ports: RolloutPorts
  readonly worker: RolloutWorker
  /** Makes the worker ready for this lease; what it fails with ends the lease. */
  readonly prepare: () => Promise<void>
  readonly sender: FragmentSender
  readonly signal: AbortSignal
  readonly coldStart: boolean
  /** In a cold start: how long it took until there was a handler. The parts of the start are in the report then. */
  readonly loadMs?: number
}

/**
 * Steps and sends fragments until the lease is done: its fragments are made, its deadline has come, the manifest says stop,
 * or the learner's heartbeat has run out. Sending fragment k overlaps stepping fragment k+1; the manifest is polled beside both.
 *
 * The report is also the last message on the queue, whatever happened. An error ends the lease with its sentence in the report.
 */
export async function runLease(job: LeaseJob): Promise<LeaseReport> {
  const { lease, ports, sender } = job
  const startedAt = ports.clock.now()
  const before = { ...job.worker.requests }
  const tally = { fragments: 0, envSteps: 0, steppingMs: 0, waitingMs: 0 }
  const watch = new ManifestWatch(ports.store, ports.clock, { run: lease.run, pollMs: lease.manifestPollMs })
  const sends = new Sender(lease.maxSendsInFlight)
  const start: Progress['start'] = {}
  let end: LeaseEnd = 'error'
  let error: LeaseReport['error']
  let left: Left = {}
  try {
    end = await work(job, { watch, sends, tally, start })
    await sends.drain()
    // After 'stopped' there is no next lease.
    if (end !== 'stopped') left = await job.worker.leave(lease.firstSequence + tally.fragments)
  } catch (cause) {
    end = 'error'
    error = describe(cause)
    // The report is the last message, so what is on its way has to arrive first; its own failure came second.
    await sends.drain().catch(() => undefined)
  }
  await watch.close()
  const problem = job.worker.problem ?? left.envStateProblem
  const report: LeaseReport = {
    run: lease.run,
    shard: lease.shard,
    lease: lease.lease,
    end,
    ...tally,
    totalMs: ports.clock.now() - startedAt,
    coldStart: job.coldStart,
    ...(job.loadMs !== undefined && isWhole(start) ? { start: { loadMs: job.loadMs, ...start } } : {}),
    requests: {
      s3Put: sender.requests.s3Put + job.worker.requests.s3Put - before.s3Put,
      s3Get: watch.requests + job.worker.requests.s3Get - before.s3Get,
      // One more for the report itself.
      sqs: sender.requests.sqs + 1,
    },
    ...left,
    ...(problem === undefined ? {} : { envStateProblem: problem }),
    ...(error ? { error } : {}),
  }
  await ports.queue.send(JSON.stringify({ kind: 'leaseEnd', format: 1, report }))
  return report
}

interface Progress {
  readonly watch: ManifestWatch
  readonly sends: Sender
  /** Fragments and env steps that were sent. */
  readonly tally: { fragments: number; envSteps: number; steppingMs: number; waitingMs: number }
  /** How long each thing took that a lease does first. */
  readonly start: Partial<FirstParts>
}

type FirstParts = Omit<StartParts, 'loadMs'>

/** True once the first fragment is made, the last of the parts. */
const isWhole = (start: Partial<FirstParts>): start is FirstParts => start.fragmentMs !== undefined

async function work(job: LeaseJob, { watch, sends, tally, start }: Progress): Promise<LeaseEnd> {
  const { lease, ports, worker, sender, signal } = job
  const lastMs = lease.deadline - MARGIN_MS
  const pace = new Pace(lease)
  const ended = (): LeaseEnd | undefined => {
    if (watch.latest.stop || signal.aborted) return 'stopped'
    if (ports.clock.now() >= lastMs) return 'deadline'
    return ports.clock.now() > watch.latest.heartbeatUntil ? 'heartbeat' : undefined
  }
  const begunAt = performance.now()
  await job.prepare()
  start.envMs = performance.now() - begunAt
  if (!(await watch.appears(Math.min(lastMs, ports.clock.now() + FIRST_MANIFEST_MS), signal))) {
    return signal.aborted ? 'stopped' : ports.clock.now() >= lastMs ? 'deadline' : 'heartbeat'
  }
  start.manifestMs = performance.now() - begunAt - start.envMs
  for (let made = 0; made < lease.maxFragments;) {
    const why = ended()
    if (why) return why
    const sequence = lease.firstSequence + made
    const version = pace.version(sequence, watch.latest)
    if (version === undefined) {
      const from = ports.clock.now()
      const over = (m: Manifest): boolean =>
        m.stop || ports.clock.now() > m.heartbeatUntil || pace.version(sequence, m) !== undefined
      const came = await watch.waitFor(over, Math.min(lastMs, from + pace.patienceMs), signal)
      tally.waitingMs += ports.clock.now() - from
      if (!came) pace.insist()
      continue
    }
    const policyFrom = performance.now()
    await worker.usePolicy(watch.latest, version)
    start.policyMs ??= performance.now() - policyFrom
    // Where the next fragment has to wait, it will look then.
    if (pace.version(sequence + 1, watch.latest) !== undefined) watch.glance()
    const from = performance.now()
    const fragment = await worker.collect(sequence)
    const steppedMs = performance.now() - from
    start.fragmentMs ??= steppedMs
    tally.steppingMs += steppedMs
    made++
    await sends.start(async () => {
      try {
        await sender.send(fragment.batch)
        tally.fragments++
        tally.envSteps += fragment.batch.provenance.envSteps
      } finally {
        fragment.release()
      }
    })
  }
  return 'fragments'
}

function describe(cause: unknown): NonNullable<LeaseReport['error']> {
  if (isMillraceError(cause)) return { code: cause.code, message: cause.message }
  return { code: 'E_ROLLOUT', message: cause instanceof Error ? cause.message : String(cause) }
}
