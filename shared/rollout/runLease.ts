import { Patience, patientQueue, patientStore } from '../cloud/patience.ts'
import type { BatchQueue, Clock, ObjectStore } from '../cloud/ports.ts'
import { isMillraceError, type Where } from '../errors.ts'
import type { Lease, LeaseEnd, LeaseError, LeaseReport, StartParts } from '../protocol/lease.ts'
import type { Manifest } from '../protocol/manifest.ts'
import { showThrown } from '../showValue.ts'
import { userTrace } from '../userCode/index.ts'
import type { LeaseGroup } from './leaseGroup.ts'
import type { ManifestWatch } from './manifestWatch.ts'
import { Pace } from './pace.ts'
import { Sender } from './sender.ts'
import { FragmentSender } from './fragmentSender.ts'
import type { Left } from './leaseState.ts'
import type { RolloutWorker } from './rolloutWorker.ts'

/** Time kept back before the deadline, for the sends in flight and the last report. */
const MARGIN_MS = 500
/** Functions start while the learner does: this long one waits for its first manifest. */
const FIRST_MANIFEST_MS = 30_000
/** By this machine's clock the deadline has passed, or the learner's word run out: this long it waits for a sign that it is not so. */
const SIGN_OF_LIFE_MS = 5_000
/** What a last look at the manifest may take before a function takes the learner for dead. */
const LAST_LOOK_MS = 1_000
/** What several messages are made of is lost with the lease: so long past its end they are finished. */
const FINISH_MS = 2_500
/** So long a function waits for its next fragment before it gives its place up. */
const HAND_OVER_MS = 20

/** A learner waits five seconds after the deadline for a goodbye: so long what is to reach it is tried again. */
const LATE_MS = 4_000

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
  /** The leases that the function works on beside it. */
  readonly group: LeaseGroup
  /** Makes the worker ready for this lease, with a store that rides out bad minutes; what it fails with ends the lease. */
  readonly prepare: (store: ObjectStore) => Promise<void>
  readonly signal: AbortSignal
  /** How long the function may work, whatever the lease says; ms. */
  readonly limitMs?: number
  readonly coldStart: boolean
  /** In a cold start: how long it took until there was a handler. The parts of the start are in the report then. */
  readonly loadMs?: number
}

/**
 * Steps and sends fragments until the lease is done: its fragments are made, its deadline has come, the manifest says stop,
 * or the learner's heartbeat has run out. Sending fragment k overlaps stepping fragment k+1; the manifest is polled beside both.
 *
 * What S3 and SQS fail, and may not fail later, is tried again for as long as the learner is there and the lease lasts; what they refuse
 * for good ends the lease at once. The report is also the last message on the queue, whatever happened. An error ends the lease with its
 * sentence in the report.
 */
export async function runLease(job: LeaseJob): Promise<LeaseReport> {
  const { lease, ports } = job
  const startedAt = ports.clock.monotonic()
  const before = { ...job.worker.requests }
  const tally = { fragments: 0, envSteps: 0, steppingMs: 0, waitingMs: 0 }
  const stepped = { fragments: 0 }
  const { watch } = job.group
  const untilMs = lastTryMs(job, startedAt)
  const patience = new Patience({ clock: ports.clock, untilMs, worthIt: () => !watch.known || watch.word.holds })
  const store = patientStore(ports.store, patience)
  const sender = new FragmentSender(lease, { store, queue: patientQueue(ports.queue, patience) })
  const sends = new Sender(lease.maxSendsInFlight)
  const start: Progress['start'] = {}
  let end: LeaseEnd = 'error'
  let error: LeaseReport['error']
  let left: Left & Pick<LeaseReport, 'nextSequence'> = {}
  try {
    end = await work(job, { store, sender, sends, tally, stepped, start })
    await sends.drain()
    // After 'stopped' there is no next lease.
    const nextSequence = lease.firstSequence + stepped.fragments
    if (end !== 'stopped') left = { nextSequence, ...(await job.worker.leave(nextSequence)) }
  } catch (cause) {
    end = 'error'
    error = describe(cause)
    // The report is the last message, so what is on its way has to arrive first; its own failure came second.
    await sends.drain().catch(() => undefined)
  }
  job.worker.clockAhead = watch.word.clockAhead
  const problem = job.worker.problem ?? left.envStateProblem
  const report: LeaseReport = {
    run: lease.run,
    shard: lease.shard,
    lease: lease.lease,
    end,
    ...tally,
    totalMs: ports.clock.monotonic() - startedAt,
    coldStart: job.coldStart,
    ...(job.loadMs !== undefined && isWhole(start) ? { start: { loadMs: job.loadMs, ...start } } : {}),
    requests: {
      s3Put: sender.requests.s3Put + job.worker.requests.s3Put - before.s3Put,
      s3Get: watch.takeRequests() + job.worker.requests.s3Get - before.s3Get,
      // One more for the report itself.
      sqs: sender.requests.sqs + 1,
    },
    ...left,
    ...(problem === undefined ? {} : { envStateProblem: problem }),
    ...(error ? { error } : {}),
  }
  const { token } = lease
  const goodbye = JSON.stringify({ kind: 'leaseEnd', format: 1, ...(token !== undefined && { token }), report })
  await new Patience({ clock: ports.clock, untilMs }).try(() => ports.queue.send(goodbye))
  return report
}

interface Progress {
  readonly store: ObjectStore
  readonly sender: FragmentSender
  readonly sends: Sender
  /** Fragments and env steps that were sent. */
  readonly tally: { fragments: number; envSteps: number; steppingMs: number; waitingMs: number }
  /** Fragments that were stepped, those that are not sent included. */
  readonly stepped: { fragments: number }
  /** How long each thing took that a lease does first. */
  readonly start: Partial<FirstParts>
}

type FirstParts = Omit<StartParts, 'loadMs'>

/** True once the first fragment is made, the last of the parts. */
const isWhole = (start: Partial<FirstParts>): start is FirstParts => start.fragmentMs !== undefined

async function work(job: LeaseJob, { store, sender, sends, tally, stepped, start }: Progress): Promise<LeaseEnd> {
  const { lease, ports, worker, group, signal, limitMs = Infinity } = job
  const { watch } = group
  const { clock } = ports
  const pace = new Pace(lease)
  const endsAt = leaseEnd(job)
  const begunAt = clock.monotonic()
  // Until the manifest tells what time it is for the learner, its deadline may be one that has not come.
  let lastMs = Math.min(
    endsAt(Number.NEGATIVE_INFINITY),
    Math.max(endsAt(watch.word.clockAhead), begunAt + SIGN_OF_LIFE_MS),
  )
  let longestMs = 0
  /** Of steps that several messages are made of: with the lease they would be lost. */
  let longestWholeMs = 0
  let wholeFrom = 0
  const isAmid = () => !worker.stepsAt(lease.firstSequence + stepped.fragments)
  const endMs = () => (isAmid() ? Math.min(lastMs + FINISH_MS, begunAt + limitMs - MARGIN_MS) : lastMs)
  const ended = async (): Promise<LeaseEnd | undefined> => {
    // A fragment may take longer than the learner's word holds, and then nobody has looked since it began.
    if (!watch.word.holds && clock.monotonic() < endMs()) await watch.look(clock.monotonic() + LAST_LOOK_MS)
    if (watch.latest.stop || signal.aborted) return 'stopped'
    const now = clock.monotonic()
    // One more fragment, as long as the longest so far, would end when its lease counts as lost or its function is cut off.
    const tooLate = now + longestMs >= Math.min(lastMs + LATE_MS, begunAt + limitMs - MARGIN_MS)
    const wouldCut = !isAmid() && now + longestWholeMs >= lastMs
    if (now >= endMs() || (stepped.fragments > 0 && (tooLate || wouldCut))) return 'deadline'
    return watch.word.holds ? undefined : 'heartbeat'
  }
  await job.prepare(store)
  start.envMs = clock.monotonic() - begunAt
  if (!(await watch.appears(Math.min(lastMs, clock.monotonic() + FIRST_MANIFEST_MS), signal))) {
    return signal.aborted ? 'stopped' : clock.monotonic() >= endsAt(watch.word.clockAhead) ? 'deadline' : 'heartbeat'
  }
  if (!watch.word.holds) await signOfLife(watch, Math.min(lastMs, clock.monotonic() + SIGN_OF_LIFE_MS), signal)
  lastMs = endsAt(watch.word.clockAhead)
  start.manifestMs = clock.monotonic() - begunAt - start.envMs
  const { firstSequence, sendFrom = firstSequence } = lease
  while (stepped.fragments < lease.maxFragments) {
    const why = await ended()
    if (why) return why
    sends.check()
    const sequence = firstSequence + stepped.fragments
    const version = pace.version(sequence, watch.latest)
    if (version === undefined) {
      const from = clock.monotonic()
      // A moment's patience: what it waits for may be on its way.
      const handsOver = (m: Manifest): boolean =>
        m.handOver === true &&
        group.allWait &&
        clock.monotonic() - from >= HAND_OVER_MS &&
        worker.canHandOverAt(sequence)
      const over = (m: Manifest): boolean =>
        m.stop || !watch.word.holds || sends.hasFailed || pace.version(sequence, m) !== undefined || handsOver(m)
      const untilMs = Math.min(endMs(), from + pace.patienceMs)
      const { came, isGivenUp } = await group.whileWaiting(async () => ({
        came: await watch.waitFor(over, untilMs, signal),
        isGivenUp: handsOver(watch.latest) && pace.version(sequence, watch.latest) === undefined,
      }))
      tally.waitingMs += clock.monotonic() - from
      // What was not sent may be what the next version waits for.
      sends.check()
      if (isGivenUp) return 'fragments'
      if (!came) pace.insist()
      continue
    }
    const policyFrom = performance.now()
    await worker.usePolicy(watch.latest, version)
    start.policyMs ??= performance.now() - policyFrom
    // Where the next fragment has to wait, it will look then.
    if (pace.version(sequence + 1, watch.latest) !== undefined) watch.glance()
    const [from, begins] = [performance.now(), clock.monotonic()]
    if (worker.stepsAt(sequence)) wholeFrom = begins
    const fragment = await worker.collect(sequence)
    const steppedMs = performance.now() - from
    longestMs = Math.max(longestMs, clock.monotonic() - begins)
    if (!worker.stepsAt(sequence)) longestWholeMs = Math.max(longestWholeMs, clock.monotonic() - wholeFrom)
    start.fragmentMs ??= steppedMs
    tally.steppingMs += steppedMs
    stepped.fragments++
    if (sequence < sendFrom) {
      fragment.release()
      continue
    }
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

/**
 * When a lease ends, on the monotonic clock, by how much the learner's wall clock is ahead of this machine's. What happens to this
 * machine's wall clock later does not move it.
 */
function leaseEnd({ lease, ports: { clock }, limitMs = Infinity }: LeaseJob): (ahead: number) => number {
  const [from, leftMs] = [clock.monotonic(), lease.deadline - clock.now()]
  const longest = Math.min(limitMs, lease.maxMs ?? Infinity)
  return (ahead) => from + Math.min(leftMs - ahead, longest) - MARGIN_MS
}

/** Until when (monotonic ms) what is to reach the learner is tried again. */
function lastTryMs(job: LeaseJob, startedAt: number): number {
  const { limitMs = Infinity, worker } = job
  const endsAt = Math.max(leaseEnd(job)(worker.clockAhead), startedAt + SIGN_OF_LIFE_MS)
  return Math.min(endsAt + MARGIN_MS + LATE_MS, startedAt + limitMs - MARGIN_MS / 2)
}

/** Waits for the manifest to change, which only a learner that lives does. */
async function signOfLife(watch: ManifestWatch, untilMs: number, signal: AbortSignal): Promise<void> {
  if (watch.latest.heartbeatMs === undefined || watch.latest.stop) return
  await watch.waitFor((manifest) => manifest.stop || watch.word.holds, untilMs, signal)
}

/** What a report says of an error, its place in the user's own code included. */
function describe(cause: unknown): LeaseError {
  const known = isMillraceError(cause) ? cause : undefined
  const { at, stack } = known ? { at: undefined, stack: known.userStack } : userTrace(cause)
  const where = placesOf({ at, ...known?.where })
  return {
    code: known?.code ?? 'E_ROLLOUT',
    message: cut(known?.message ?? showThrown(cause), MOST_MESSAGE),
    ...(Object.keys(where).length > 0 && { where }),
    ...(stack !== undefined && { stack: cut(stack, MOST_STACK) }),
  }
}

/** A report is one message of the queue, whatever a user's error holds. */
const MOST_MESSAGE = 4_000
const MOST_STACK = 8_192

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text)

function placesOf(where: Where): NonNullable<LeaseError['where']> {
  const places: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(where)) {
    if (value === undefined) continue
    // JSON has no NaN, and the report would be refused.
    places[name] = typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  }
  return places
}
