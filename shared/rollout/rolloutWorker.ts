import { sha256Hex } from '../batch/hash.ts'
import type { SampleBatch } from '../batch/sampleBatch.ts'
import type { ObjectStore } from '../cloud/ports.ts'
import type { EnvSource, VectorEnv } from '../env/index.ts'
import { makeVectorEnv } from '../env/index.ts'
import { MillraceError } from '../errors.ts'
import { PolicySession } from '../policy/session.ts'
import { keys } from '../protocol/keys.ts'
import type { Lease } from '../protocol/lease.ts'
import { type Manifest, halfOf } from '../protocol/manifest.ts'
import { deriveSeed } from '../random.ts'
import { Collector } from './collector.ts'

/** A fragment and the way to give its memory back once it was encoded. */
export interface Collected {
  readonly batch: SampleBatch
  readonly release: () => void
}

/** Envs and policy of one execution environment. It outlives a lease: a warm function finds both as it left them. */
export class RolloutWorker {
  private env: { readonly key: string; readonly vector: VectorEnv } | undefined
  private policy: { readonly key: string; readonly session: PolicySession; readonly sha256: string } | undefined
  private collector: Collector | undefined
  private bound = false
  private lease: Lease | undefined
  private store: ObjectStore | undefined
  /** Policies read from the bucket, for the bill. */
  policyReads = 0

  /**
   * Gets ready for a lease. Env streams derive from (run seed, shard, first sequence of the lease), so that a lease gives the
   * same data wherever and whenever it runs.
   *
   * @throws MillraceError E_ENV_UNKNOWN, E_ENV_CONFIG, E_ENV_SPACE
   */
  begin(lease: Lease, store: ObjectStore, source: EnvSource): void {
    const { env, numEnvs, fragmentLength, maxSendsInFlight, seed, shard, firstSequence } = lease
    const key = JSON.stringify([env, numEnvs])
    if (this.env?.key !== key) this.env = { key, vector: makeVectorEnv(source, { numEnvs, config: env.config }) }
    this.lease = lease
    this.store = store
    this.collector = new Collector({
      env: this.env.vector,
      fragmentLength,
      seed: deriveSeed(seed, shard, firstSequence),
      maxFragments: maxSendsInFlight + 2,
      greedy: lease.exploration['greedy'] === true,
    })
    // A warm function may be given another run: its policy is for other observations, or of other weights.
    this.bound = false
  }

  /**
   * Acts with this version from the next fragment on. Takes the model from the manifest where it is the newest and small, else
   * from the bucket.
   *
   * @throws MillraceError E_POLICY_MODEL when it is not there or not what the manifest promises, E_STORE
   */
  async usePolicy(manifest: Manifest, version: number): Promise<void> {
    const lease = this.lease
    if (!lease || !this.collector) throw new MillraceError('E_INTERNAL', 'a policy was given before a lease')
    const key = keys.policy(lease.run, version)
    // A run may be begun anew under its old name, and its versions count from 0 again.
    const altered = version === manifest.policy.version && this.policy?.sha256 !== manifest.policy.sha256
    if (this.policy?.key === key && !altered) {
      if (!this.bound) this.collector.usePolicy(this.policy.session, version)
      this.bound = true
      return
    }
    const model = await this.readModel(manifest, version)
    const session = await PolicySession.load(model, lease.policy, lease.numEnvs)
    this.collector.usePolicy(session, version)
    const old = this.policy
    this.policy = {
      key,
      session,
      sha256: version === manifest.policy.version ? manifest.policy.sha256 : sha256Hex(model),
    }
    this.bound = true
    await old?.session.release()
  }

  /** The next fragment of the lease. @throws MillraceError E_ENV_STEP, E_POLICY_MODEL naming shard, lease and sequence */
  async collect(sequence: number): Promise<Collected> {
    const { lease, collector } = this
    if (!lease || !collector) throw new MillraceError('E_INTERNAL', 'a fragment was asked for before a lease')
    const { run, shard } = lease
    try {
      const fragment = await collector.collect()
      return {
        batch: fragment.toBatch({ run, shard, lease: lease.lease, sequence }, { env: lease.env.id }),
        release: () => fragment.release(),
      }
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      throw new MillraceError(
        error.code,
        error.message,
        { ...error.where, shard, lease: lease.lease, sequence },
        { cause: error },
      )
    }
  }

  private async readModel(manifest: Manifest, version: number): Promise<Uint8Array> {
    const { policy, run } = manifest
    if (version === policy.version && policy.inline !== undefined)
      return checked(Buffer.from(policy.inline, 'base64'), policy)
    this.policyReads++
    const key = keys.policy(run, version)
    const found = await this.store?.get(key)
    if (found?.kind !== 'found')
      throw new MillraceError('E_POLICY_MODEL', `policy version ${version} is not in the bucket`, { key })
    return version === policy.version ? checked(found.body, policy) : checkedEarlier(found.body, manifest, version)
  }
}

/** @throws MillraceError E_POLICY_MODEL when it is not the model that the manifest knows under that version */
function checkedEarlier(model: Uint8Array, { earlier = [] }: Manifest, version: number): Uint8Array {
  const promised = earlier.find(([known]) => known === version)?.[1]
  const found = halfOf(sha256Hex(model))
  if (found === promised) return model
  const says = promised === undefined ? 'does not know it' : `says ${promised}`
  throw new MillraceError(
    'E_POLICY_MODEL',
    `policy version ${version} has a SHA-256 that begins with ${found}, the manifest ${says}`,
    { version },
  )
}

function checked(model: Uint8Array, policy: Manifest['policy']): Uint8Array {
  const found = sha256Hex(model)
  if (found === policy.sha256) return model
  throw new MillraceError(
    'E_POLICY_MODEL',
    `policy version ${policy.version} has SHA-256 ${found}, the manifest says ${policy.sha256}`,
    {
      key: policy.key,
    },
  )
}
