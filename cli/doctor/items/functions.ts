import { sha256Hex } from '../../../shared/batch/hash.ts'
import { openFragment } from '../../../shared/batch/index.ts'
import { isMillraceError } from '../../../shared/errors.ts'
import { type EvaluationRequest, EvaluationResult } from '../../../shared/protocol/evaluation.ts'
import { invocationOf } from '../../../shared/protocol/invocation.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { parseMessage } from '../../../shared/protocol/message.ts'
import { type Item, type Seen, failed, passed } from '../item.ts'
import { type DoctorContext, within } from '../context.ts'
import { probeLease, probePolicy, publishProbe } from '../probe.ts'

const LAST_WARM_CALL = 4
const PAUSE_MS = 500
const FIRST = 'rollout function: first call'
const LOGS = (stage: string, of: string) => `millrace logs --stage ${stage} --of ${of} --since 10m shows what it wrote`

export function functionItems({ stage }: { readonly stage: string }): readonly Item[] {
  return [
    {
      name: FIRST,
      pass: 'a lease of one fragment, invoked asynchronously, gives a fragment and its report within a minute',
      advice: LOGS(stage, 'rollout'),
      look: async (context) => (await oneLease(context, 'first')).seen,
    },
    {
      name: 'rollout function: warm call',
      pass: 'a second lease, or one soon after, finds the function warm',
      advice: 'run the doctor again; if it stays, the function ends after every call, see its log',
      needs: [FIRST],
      look: warmCall,
    },
    {
      name: 'evaluate function',
      pass: 'it plays one episode and answers with its return',
      advice: LOGS(stage, 'evaluate'),
      needs: [FIRST],
      look: async (context) => {
        const { evaluateFunction } = context.stage.description
        const answer = EvaluationResult.parse(await context.invoke(evaluateFunction, evaluation(context)))
        const [episode] = answer.episodes
        return episode ? passed(`a return of ${episode.return} in ${episode.length} steps`) : failed('no episode')
      },
    },
  ]
}

/** A function reports the end of a lease before its invocation has ended. A call in that moment starts another, cold one. */
async function warmCall(context: DoctorContext): Promise<Seen> {
  for (let call = 2; ; call++) {
    const { seen, cold } = await oneLease(context, `call-${call}`)
    if (!cold) return seen
    if (call === LAST_WARM_CALL || context.signal.aborted) return failed(seen.saw)
    await context.clock.sleep(PAUSE_MS, context.signal)
  }
}

/** @returns also whether the function had to be started for it */
async function oneLease(
  context: DoctorContext,
  which: string,
): Promise<{ readonly seen: Seen; readonly cold?: boolean }> {
  const { stage, clock, limits } = context
  const { concurrency, description } = stage
  if ((await concurrency.get()) === 0) await concurrency.set(description.concurrency) // as a learner does before a run
  const { spec } = await publishProbe(context)
  const lease = `${context.name}-${which}`
  const startedAt = clock.monotonic()
  const payload = new TextEncoder().encode(JSON.stringify(invocationOf([probeLease(context, spec, lease)])))
  const invoked = await within(limits.functions, context, async () => {
    const answer = await context.rollout.invoke(payload)
    if (answer.kind === 'unavailable') throw answer.error
    return answer.kind === 'accepted' ? true : undefined
  })
  if (!invoked) return { seen: failed(`throttled for ${limits.functions / 1000} s`) }
  const arrived = await receive(context, lease)
  if ('problem' in arrived) return { seen: failed(arrived.problem) }
  const { report, fragmentAt } = arrived
  context.bill.lease(report)
  const own = `its report says ${Math.round(report.totalMs)} ms, ${report.coldStart ? `cold${startParts(report)}` : 'warm'}`
  const saw = `a fragment of ${report.envSteps} env steps after ${fragmentAt - startedAt} ms; ${own}`
  return { seen: passed(saw), cold: report.coldStart }
}

function startParts({ start }: LeaseReport): string {
  if (!start) return ''
  const { loadMs, envMs, manifestMs, policyMs, fragmentMs } = start
  const parts = { load: loadMs, env: envMs, manifest: manifestMs, policy: policyMs, fragment: fragmentMs }
  return ` (${Object.entries(parts)
    .map(([name, ms]) => `${name} ${Math.round(ms)}`)
    .join(', ')} ms)`
}

type Arrived = { readonly report: LeaseReport; readonly fragmentAt: number } | { readonly problem: string }

/** The fragment and the report of a lease, or why there is none. Messages of runs that are over are left to whoever learns next. */
async function receive(context: DoctorContext, lease: string): Promise<Arrived> {
  const { queue, clock, signal, limits } = context
  let fragmentAt: number | undefined
  let report: LeaseReport | undefined
  const arrived = await within(
    limits.functions,
    context,
    async (): Promise<Arrived | undefined> => {
      for (const message of await queue.receive({ max: 10, waitMs: 2000, signal })) {
        const content = ours(message.body, lease)
        if (!content) continue
        await queue.delete([message])
        if (content.kind === 'invocationFailed') return { problem: content.reason }
        if (content.kind === 'leaseEnd') report = content.report
        else {
          await openFragment(content, context.stage.store, signal)
          fragmentAt = clock.monotonic()
        }
        if (report?.error) return { problem: `${report.error.code}: ${report.error.message}` }
      }
      return report && fragmentAt !== undefined ? { report, fragmentAt } : undefined
    },
    0,
  )
  const lacking = fragmentAt === undefined ? 'no fragment' : 'a fragment, but no report'
  return arrived ?? { problem: `${lacking} within ${limits.functions / 1000} s` }
}

function ours(body: string, lease: string) {
  try {
    const message = parseMessage(body)
    return leasesOf(message).includes(lease) ? message : undefined
  } catch (error) {
    if (isMillraceError(error, 'E_MESSAGE')) return undefined
    throw error
  }
}

function evaluation({ stage, name }: DoctorContext): EvaluationRequest {
  const { model, spec } = probePolicy()
  return {
    format: 1,
    bucket: stage.description.bucket,
    policy: { key: keys.policy(name, 0), sha256: sha256Hex(model), spec },
    env: { id: 'CartPole-v1', config: {} },
    episodes: 1,
    seed: 1,
    stochastic: false,
  }
}

function leasesOf(message: ReturnType<typeof parseMessage>): readonly string[] {
  if (message.kind === 'invocationFailed') return message.leases.map(({ lease }) => lease)
  return [message.kind === 'leaseEnd' ? message.report.lease : message.lease]
}
