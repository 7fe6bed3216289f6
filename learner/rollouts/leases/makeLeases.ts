import { randomBytes } from 'node:crypto'
import type { Lease } from '../../../shared/protocol/lease.ts'
import { exactVersion } from '../../../shared/rollout/pace.ts'
import type { SamplerOptions } from '../samplerOptions.ts'
import type { IssuerOptions, LeaseStart } from './issuer.ts'

/** In a message, more than this many fragments of a shard are on their way at once only if the queue is slow. */
export const MAX_SENDS_IN_FLIGHT = 4
/** How far a lease of an exact pace that is lost goes back, about. A function pays a write for it. */
const SAVE_EVERY_MS = 2_000
/** Nobody guesses 128 bits. */
const TOKEN_BYTES = 16
const MAX_FRAGMENTS = Number.MAX_SAFE_INTEGER

type Given = Parameters<IssuerOptions['makeLease']>[0]

/** Makes the payloads of a run's leases. @param onIssued told of each with its token, before it is sent */
export function makeLeases(
  options: SamplerOptions,
  onIssued: (lease: Omit<Given, 'maxFragments'> & { readonly token: string }) => void,
): IssuerOptions['makeLease'] {
  const { run, cloud, rollouts, env, policy, seed, pacing, stages } = options
  return ({ maxFragments = MAX_FRAGMENTS, envState, ...lease }) => {
    const token = randomBytes(TOKEN_BYTES).toString('hex')
    onIssued({ ...lease, token, ...(envState && { envState }) })
    return {
      format: 1,
      run,
      ...lease,
      token,
      ...(envState && { envState }),
      env,
      policy,
      numEnvs: rollouts.envsPerShard,
      fragmentLength: rollouts.fragmentLength,
      maxFragments,
      maxMs: rollouts.leaseSeconds * 1000,
      pacing,
      ...(pacing.mode === 'exact' && exactFields(options, lease)),
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
    }
  }
}

/** A lease that goes back asks for policies that the manifest does not tell of any more. */
function exactFields(
  { pacing, policyHashes }: SamplerOptions,
  { firstSequence, sendFrom }: Pick<LeaseStart, 'firstSequence' | 'sendFrom'>,
): Partial<Lease> {
  if (sendFrom === undefined || !policyHashes) return { saveEveryMs: SAVE_EVERY_MS }
  return { saveEveryMs: SAVE_EVERY_MS, earlierPolicies: [...policyHashes(exactVersion(pacing, firstSequence))] }
}
