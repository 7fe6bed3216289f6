import { sha256Hex } from '../batch/hash.ts'
import type { SampleBatch } from '../batch/sampleBatch.ts'
import { systemClock } from '../cloud/clock.ts'
import type { Clock, ObjectStore } from '../cloud/ports.ts'
import type { EnvSource, VectorEnv } from '../env/index.ts'
import { makeVectorEnv } from '../env/index.ts'
import { MillraceError, isMillraceError } from '../errors.ts'
import { PolicySession } from '../policy/session.ts'
import { keys } from '../protocol/keys.ts'
import type { Lease, PolicyHash } from '../protocol/lease.ts'
import { type Manifest, halfOf } from '../protocol/manifest.ts'
import { deriveSeed } from '../random.ts'
import { Collector } from './collector.ts'
import { DAMAGED } from './damaged.ts'
import { type Left, SAVE_POINT_NOTE, leaveState, savePointNote, takeUp } from './leaseState.ts'
import { Graphs } from '../stages/graphs.ts'
import { Policies, type PolicyUse } from './policies.ts'
import { SavePoints } from './savePoints.ts'
import { StagedFragments } from './stagedFragments.ts'

/** A fragment and the way to give its memory back once it was encoded. */
export interface Collected {
  readonly batch: SampleBatch
  readonly release: () => void
}

/** What several streams of a process open once. */
export interface OpenModels {
  readonly policies: Policies
  readonly graphs: Graphs
}

/** Envs and policy of one execution environment. It outlives a lease: a warm function finds both as it left them. */
export class RolloutWorker {
  private env: { readonly key: string; readonly vector: VectorEnv } | undefined
  private policy: { readonly key: string; readonly hash: string | undefined; readonly use: PolicyUse } | undefined
  private readonly policies: Policies
  private collector: Collector | undefined
  private readonly staged = new StagedFragments()
  private readonly graphs: Graphs
  private bound = false
  private lease: Lease | undefined
  private store: ObjectStore | undefined
  private wentOn = false
  private stateProblem: string | undefined
  private saved: SavePoints | undefined
  private savable: boolean | undefined
  /** See `LearnerWord`: a warm function need not find out again. */
  clockAhead = 0
  /** Objects read from and written to the bucket, for the bill. */
  readonly requests = { s3Get: 0, s3Put: 0 }

  /** @param open what is open in this process: policies, and graphs of stages */
  constructor({ policies = new Policies(), graphs = new Graphs() }: Partial<OpenModels> = {}) {
    this.policies = policies
    this.graphs = graphs
  }

  /**
   * Gets ready for a lease. It goes on from the state that the lease names. Without one, or where that cannot be used, env streams
   * derive from (run seed, shard, first sequence of the lease). So a lease gives the same data wherever and whenever it runs. Those of a
   * retry derive from its number too, so that it does not repeat what failed.
   *
   * @throws MillraceError E_ENV_UNKNOWN, E_ENV_CONFIG, E_ENV_SPACE, E_ENV_STEP; E_ROLLOUT when it cannot go on from its state in an exact pace
   */
  async begin(lease: Lease, store: ObjectStore, source: EnvSource, clock: Clock = systemClock): Promise<void> {
    const { env, numEnvs, envState } = lease
    const key = JSON.stringify([env, numEnvs])
    if (this.env?.key !== key) this.close()
    this.env ??= { key, vector: makeVectorEnv(source, { numEnvs, config: env.config }) }
    const { vector } = this.env
    this.lease = lease
    this.savable = undefined
    this.store = store
    // A warm function may be given another run: its policy is for other observations, or of other weights.
    this.bound = false
    this.wentOn = false
    this.stateProblem = undefined
    this.saved = undefined
    try {
      this.collector = collectorFor(lease, vector)
      if (lease.pacing.mode === 'exact' && lease.saveEveryMs !== undefined)
        this.saved = new SavePoints(lease, { store, clock, onPut: () => this.requests.s3Put++ })
      const from = { store, onGet: () => this.requests.s3Get++ }
      await this.staged.open(lease, async (name) => await this.graphs.named(lease, name, from))
      if (!envState) return
      this.requests.s3Get++
      this.stateProblem = await takeUp(this.collector, { ...lease, envState }, store)
      this.wentOn = this.stateProblem === undefined
      // Other data than it was to make would be worse than none: the learner knows an earlier state.
      if (this.stateProblem !== undefined && lease.pacing.mode === 'exact')
        throw new MillraceError('E_ROLLOUT', this.stateProblem, { shard: lease.shard, lease: lease.lease })
      if (!this.wentOn) this.collector = collectorFor(lease, vector)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /**
   * What the lease leaves to the next one of its shard: where its envs stand, or what ends with it. To be called once, after the last
   * fragment was sent.
   *
   * @param nextSequence the sequence number after it
   */
  async leave(nextSequence: number): Promise<Left> {
    const { lease, collector, store, wentOn } = this
    if (!lease || !collector || !store) return {}
    if (nextSequence === lease.firstSequence) return wentOn ? { envState: lease.envState } : {}
    await this.saved?.close()
    // What is kept of the steps goes with the lease: they are made again from the last save point.
    if (!this.staged.stepsAt(nextSequence)) return {}
    const left = await leaveState(collector, lease, { store, nextSequence })
    if (left.envState) this.requests.s3Put++
    return left
  }

  /** Can another function go on with this sequence number from where this one leaves the envs? */
  canHandOverAt(sequence: number): boolean {
    return this.stepsAt(sequence) && (this.savable ??= this.canSave())
  }

  /** Does the message with this sequence number begin with new steps? Else a stage makes it of those of the one before. */
  stepsAt(sequence: number): boolean {
    return this.staged.stepsAt(sequence)
  }

  private canSave(): boolean {
    try {
      return this.collector?.save() !== undefined
    } catch {
      return false // the end of the lease tells why
    }
  }

  /** Why the envs do not go on from the state that the lease names. */
  get problem(): string | undefined {
    return this.stateProblem
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
    const hash = promisedHash(manifest, lease, version)
    // A run may be begun anew under its old name, and its versions count from 0 again.
    if (this.policy?.key === key && (hash === undefined || this.policy.hash === hash)) {
      if (!this.bound) this.act(this.collector, version, this.policy.use)
      this.bound = true
      return
    }
    const use = await this.policies.use(`${key} ${hash}`, async () => {
      const model = await this.readModel(manifest, version, { key, hash })
      return { model, session: await PolicySession.load(model, lease.policy, 1) }
    })
    try {
      this.act(this.collector, version, use)
    } catch (error) {
      await use.release()
      throw error
    }
    const old = this.policy
    this.policy = { key, hash, use }
    this.bound = true
    await old?.use.release()
  }

  private act(collector: Collector, version: number, { session, model }: PolicyUse): void {
    collector.usePolicy(session, version)
    this.staged.usePolicy(session, version, model)
  }

  /** Ends the envs: they are not stepped any more. The next lease makes its own. */
  close(): void {
    this.env?.vector.close?.()
    this.staged.close()
    this.env = undefined
    this.collector = undefined
  }

  /** The next fragment of the lease, or what its stages made of it; envs that failed are ended. @throws MillraceError E_ENV_STEP, E_POLICY_MODEL naming shard, lease and sequence */
  async collect(sequence: number): Promise<Collected> {
    const { lease, collector } = this
    if (!lease || !collector) throw new MillraceError('E_INTERNAL', 'a fragment was asked for before a lease')
    const { shard } = lease
    try {
      return await this.staged.next(sequence, async () => await this.step(collector, lease, sequence))
    } catch (error) {
      this.close()
      if (!isMillraceError(error)) throw error
      const { code, message, userStack } = error
      const where = { ...error.where, shard, lease: lease.lease, sequence }
      throw new MillraceError(code, message, where, { cause: error, userStack })
    }
  }

  private async step(collector: Collector, lease: Lease, sequence: number): Promise<Collected> {
    const { run, shard } = lease
    this.saved?.offer(collector, sequence)
    const fragment = await collector.collect()
    // The learner follows episodes over leases, and these envs did not go on.
    const anew = this.stateProblem !== undefined && sequence === lease.firstSequence
    const point = this.saved?.stored
    const notes = {
      env: lease.env.id,
      ...(anew && { envs: 'anew' }),
      ...(point && { [SAVE_POINT_NOTE]: savePointNote(point) }),
    }
    return {
      batch: fragment.toBatch({ run, shard, lease: lease.lease, sequence }, notes),
      release: () => fragment.release(),
    }
  }

  private async readModel(
    { policy }: Manifest,
    version: number,
    { key, hash }: { readonly key: string; readonly hash: string | undefined },
  ): Promise<Uint8Array> {
    const isNewest = version === policy.version
    if (isNewest && policy.inline !== undefined) return checked(Buffer.from(policy.inline, 'base64'), policy)
    this.requests.s3Get++
    const found = await this.store?.get(key)
    if (found?.kind !== 'found')
      throw new MillraceError('E_POLICY_MODEL', `policy version ${version} is not in the bucket`, {
        key,
        version,
        [DAMAGED]: key,
      })
    return isNewest ? checked(found.body, policy) : checkedEarlier(found.body, hash, { version, key })
  }
}

/** What the SHA-256 of a version's model begins with, where manifest or lease know it. */
function promisedHash({ policy, earlier = [] }: Manifest, lease: Lease, version: number): string | undefined {
  if (version === policy.version) return halfOf(policy.sha256)
  const ofVersion = ([known]: PolicyHash) => known === version
  return (earlier.find(ofVersion) ?? lease.earlierPolicies?.find(ofVersion))?.[1]
}

function collectorFor(lease: Lease, env: VectorEnv): Collector {
  const { fragmentLength, maxSendsInFlight, seed, shard, firstSequence, retry = 0 } = lease
  return new Collector({
    env,
    fragmentLength,
    seed: retry === 0 ? deriveSeed(seed, shard, firstSequence) : deriveSeed(seed, shard, firstSequence, 'retry', retry),
    maxFragments: maxSendsInFlight + 2,
    greedy: lease.exploration['greedy'] === true,
    policy: lease.policy,
  })
}

/** @throws MillraceError E_POLICY_MODEL when it is not the model that manifest or lease knows under that version */
function checkedEarlier(
  model: Uint8Array,
  promised: string | undefined,
  { version, key }: { readonly version: number; readonly key: string },
): Uint8Array {
  const found = halfOf(sha256Hex(model))
  if (found === promised) return model
  const says = promised === undefined ? 'does not know it' : `says ${promised}`
  throw new MillraceError(
    'E_POLICY_MODEL',
    `policy version ${version} has a SHA-256 that begins with ${found}, the manifest ${says}`,
    { version, ...(promised !== undefined && { [DAMAGED]: key }) },
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
      ...(policy.inline === undefined && { [DAMAGED]: policy.key }),
    },
  )
}
