import { randomBytes } from 'node:crypto'
import type { Invocation } from '../../../shared/protocol/invocation.ts'
import { exactVersion } from '../../../shared/rollout/pace.ts'
import type { SamplerOptions } from '../samplerOptions.ts'
import type { IssuedLease } from '../inbox/admission.ts'
import type { IssuerOptions, LeaseStart, NewLease } from './issuer.ts'

/** In a message, more than this many fragments of a shard are on their way at once only if the queue is slow. */
export const MAX_SENDS_IN_FLIGHT = 4
/** How far a lease of an exact pace that is lost goes back, about. A function pays a write for it. */
const SAVE_EVERY_MS = 2_000
/** Nobody guesses 128 bits. */
const TOKEN_BYTES = 16
const MAX_FRAGMENTS = Number.MAX_SAFE_INTEGER

/** Makes the payloads of a run's invocations. @param onIssued told of each lease with its token, before it is sent */
export function makeInvocations(
  options: SamplerOptions,
  onIssued: (lease: IssuedLease & NewLease) => void,
): IssuerOptions['makeInvocation'] {
  const { run, cloud, rollouts, env, policy, seed, pacing, stages } = options
  return (given, { deadline, lastsMs }) => ({
    format: 2,
    run,
    env,
    policy,
    numEnvs: rollouts.envsPerShard,
    fragmentLength: rollouts.fragmentLength,
    deadline,
    maxMs: lastsMs,
    pacing,
    ...(pacing.mode === 'exact' && exactFields(options, given)),
    stages: [...(stages?.stages ?? [])],
    ...(stages?.graphs && { graphs: stages.graphs }),
    exploration: {},
    seed,
    bucket: cloud.bucket,
    queueUrl: cloud.queueUrl,
    ...(cloud.endpoints && { endpoints: cloud.endpoints }),
    spillAboveBytes: rollouts.spillAboveBytes ?? cloud.spillAboveBytes,
    compress: false,
    maxSendsInFlight: MAX_SENDS_IN_FLIGHT,
    manifestPollMs: rollouts.manifestPollMs ?? cloud.manifestPollMs,
    leases: given.map(({ maxFragments = MAX_FRAGMENTS, ...lease }) => {
      const token = randomBytes(TOKEN_BYTES).toString('hex')
      onIssued({ ...lease, token, deadline })
      return { ...lease, token, maxFragments }
    }),
  })
}

/** Leases that go back ask for policies that the manifest does not tell of any more. */
function exactFields({ pacing, policyHashes }: SamplerOptions, given: readonly LeaseStart[]): Partial<Invocation> {
  const back = given.flatMap(({ firstSequence, sendFrom }) => (sendFrom === undefined ? [] : [firstSequence]))
  if (back.length === 0 || !policyHashes) return { saveEveryMs: SAVE_EVERY_MS }
  return { saveEveryMs: SAVE_EVERY_MS, earlierPolicies: [...policyHashes(exactVersion(pacing, Math.min(...back)))] }
}
