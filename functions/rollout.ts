// It runs the policy. It is loaded with the handler, so that an error in it shows when the function starts, before there is a lease.
import 'onnxruntime-node'
import { systemClock } from '../shared/cloud/clock.ts'
import { allowedEndpoints } from '../shared/protocol/endpointsFromLease.ts'
import { parseInvocation } from '../shared/protocol/invocation.ts'
import type { Lease, LeaseReport } from '../shared/protocol/lease.ts'
import { RolloutWorkers, runInvocation } from '../shared/rollout/index.ts'
import { envSource } from './envSource.ts'
import { ownProcess } from './ownProcess.ts'
import { type Services, services } from './services.ts'

/** What Lambda tells a handler about itself. */
interface LambdaContext {
  getRemainingTimeInMillis(): number
}

// Made once an execution environment and kept while it is warm.
const here = await services()
const elsewhere = new Map<string, Services>()
const workers = new RolloutWorkers()
let warm = false
/** Since the process began. */
const loadMs = performance.now()

/**
 * The rollout function: steps envs with the newest policy and sends fragments until its leases are over. A thin adapter: the
 * rollout core in shared/rollout knows no Lambda.
 *
 * @returns the report of each lease
 * @throws MillraceError E_LEASE for a payload that is no invocation, or one that names services it may not; any later error is in the reports
 */
export async function handler(event: unknown, context: LambdaContext): Promise<readonly LeaseReport[]> {
  const leases = parseInvocation(event)
  const [first] = leases
  ownProcess()
  const coldStart = !warm
  warm = true
  const used = await servicesFor(first)
  const store = used.store(first.bucket)
  const queue = used.queue(first.queueUrl)
  return await runInvocation({
    leases,
    ports: { store, queue, clock: systemClock },
    workers: workers.take(leases.length),
    source: envSource,
    signal: new AbortController().signal,
    limitMs: context.getRemainingTimeInMillis(),
    coldStart,
    ...(coldStart ? { loadMs } : {}),
  })
}

/** Where it is allowed, a lease names the endpoints of S3 and SQS. Endpoints of a finished run are not kept. */
async function servicesFor(lease: Lease): Promise<Services> {
  const endpoints = allowedEndpoints(lease, process.env)
  if (!endpoints) return here
  const place = `${endpoints.s3} ${endpoints.sqs}`
  const known = elsewhere.get(place)
  if (known) return known
  for (const old of elsewhere.values()) old.destroy()
  elsewhere.clear()
  const made = await services(endpoints)
  elsewhere.set(place, made)
  return made
}
