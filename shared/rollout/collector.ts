// Typed-array reads use `!`: every index is below the number of envs.
import { rolloutColumnSpecs } from '../batch/rolloutColumnSpecs.ts'
import type { VectorEnv, VectorEnvState } from '../env/env.ts'
import { describeSpace } from '../env/space.ts'
import { MillraceError, isMillraceError } from '../errors.ts'
import { type Actor, makeActor } from '../policy/actor.ts'
import type { PolicySession } from '../policy/session.ts'
import { policySpecFor, type PolicySpec } from '../policy/spec.ts'
import { Random, deriveSeed } from '../random.ts'
import { showThrown } from '../showValue.ts'
import { userTrace } from '../userCode/index.ts'
import { FragmentPool } from './fragmentBuffer.ts'
import type { FragmentBuffer } from './fragmentBuffer.ts'

export interface CollectorOptions {
  readonly env: VectorEnv
  /** Steps of a fragment, T. */
  readonly fragmentLength: number
  readonly seed: number
  /** Fragments that may be out at once, the one being filled included (2 where it is left out). */
  readonly maxFragments?: number
  /** Take the most probable action instead of drawing one. */
  readonly greedy?: boolean
  /** What acts; the policy that fits the env where it is left out. */
  readonly policy?: PolicySpec
}

/** All that later fragments depend on, but for the policy. */
export interface CollectorState {
  readonly env: VectorEnvState
  readonly actions: readonly [number, number, number, number]
}

/**
 * Steps envs with a policy and fills one fragment [T, B] a call. It knows no cloud: what becomes of a fragment is its caller's
 * business.
 *
 * The envs' randomness derives from (seed, 'env', index), the actions' from (seed, 'actions'); so the same seed and the same
 * policies give the same fragments, byte for byte.
 */
export class Collector {
  readonly env: VectorEnv
  private readonly fragmentLength: number
  private readonly greedy: boolean
  private readonly random: Random
  private readonly actor: Actor
  private readonly pool: FragmentPool
  private policy: PolicySession | undefined
  private version = -1
  private filling = false

  constructor(options: CollectorOptions) {
    const { env, fragmentLength, seed, maxFragments = 2, greedy = false } = options
    const { policy = policySpecFor(env.observationSpace, env.actionSpace, env.actionMasks !== undefined) } = options
    this.env = env
    this.fragmentLength = fragmentLength
    this.greedy = greedy
    this.random = new Random(deriveSeed(seed, 'actions'))
    this.actor = makeActor(policy, env.numEnvs, this.random)
    const form = { T: fragmentLength, B: env.numEnvs, columns: rolloutColumnSpecs(policy) }
    this.pool = new FragmentPool(form, maxFragments)
    env.reset(seed)
  }

  /**
   * Acts with this policy from the next step on, even within a fragment. It then reads the envs' observations in place.
   *
   * @throws MillraceError E_POLICY_MODEL when it is for other observations or another number of actions
   */
  usePolicy(policy: PolicySession, version: number): void {
    policy.bind(this.env.observations)
    const rows = this.env.numEnvs
    const isOfKind = policy.spec.action.kind === this.env.actionSpace.kind
    if (!isOfKind || policy.batch !== rows || policy.outputs.length !== rows * this.actor.outputs) {
      const shape = policy.spec.observation.shape.join(', ')
      throw new MillraceError(
        'E_POLICY_MODEL',
        `a policy over observations [${shape}] does not fit ${rows} envs of ${describeSpace(this.env.observationSpace)}`,
      )
    }
    this.policy = policy
    this.version = version
  }

  /**
   * The next fragment. Release it when it was encoded: its memory is used again.
   *
   * @throws MillraceError E_ENV_STEP, E_POLICY_MODEL; E_INTERNAL without a policy, or when called during another call
   */
  async collect(): Promise<FragmentBuffer> {
    if (this.filling)
      throw new MillraceError('E_INTERNAL', 'one fragment at a time: collect() was called during collect()')
    const fragment = this.pool.acquire()
    this.filling = true
    try {
      fragment.begin()
      for (let t = 0; t < this.fragmentLength; t++) await this.step(fragment, t)
      fragment.bootstrapObservations.set(this.env.observations)
      return fragment
    } catch (error) {
      fragment.release()
      throw error
    } finally {
      this.filling = false
    }
  }

  /** Episodes under way: begun, and not ended by the last step. */
  get runningEpisodes(): number {
    const { episodeLengths, terminated, truncated } = this.env
    let running = 0
    for (let i = 0; i < episodeLengths.length; i++) {
      if (episodeLengths[i]! > 0 && (terminated[i]! | truncated[i]!) === 0) running++
    }
    return running
  }

  /** For a later `load`, between two fragments; `undefined` where the env cannot be saved. */
  save(): CollectorState | undefined {
    const env = this.env.save?.()
    return env && { env, actions: this.random.save() }
  }

  /** Goes on where the saved collector was. @throws MillraceError E_ENV_CONFIG when the env cannot take that state */
  load(state: CollectorState): void {
    if (!this.env.load) throw new MillraceError('E_ENV_CONFIG', 'this env cannot go on from a saved state')
    this.env.load(state.env)
    this.random.load(state.actions)
  }

  private async step(fragment: FragmentBuffer, t: number): Promise<void> {
    const { env, actor, policy } = this
    if (!policy) throw new MillraceError('E_INTERNAL', 'collect() was called before usePolicy()')
    fragment.policyVersions[t] = this.version
    await policy.run()
    fragment.observationRows[t]!.set(env.observations)
    if (env.actionMasks) fragment.maskRows[t]?.set(env.actionMasks)
    actor.act(policy.outputs, fragment.logProbRows[t]!, this.greedy, env.actionMasks)
    fragment.actionRows[t]!.set(actor.drawn)
    stepAll(env, actor.actions)
    fragment.rewardRows[t]!.set(env.rewards)
    fragment.terminatedRows[t]!.set(env.terminated)
    fragment.truncatedRows[t]!.set(env.truncated)
    const { terminated, truncated } = env
    for (let i = 0; i < terminated.length; i++) {
      if ((terminated[i]! | truncated[i]!) !== 0) fragment.endEpisode(t, i, env)
    }
  }
}

/** A vector form of a user's own may throw anything; what the generic one throws says already where. */
function stepAll(env: VectorEnv, actions: Int32Array | Float32Array): void {
  try {
    env.step(actions)
  } catch (cause) {
    if (isMillraceError(cause)) throw cause
    const { at, stack } = userTrace(cause)
    const message = `the envs failed to step: ${showThrown(cause)}`
    throw new MillraceError('E_ENV_STEP', message, at === undefined ? {} : { at }, { cause, userStack: stack })
  }
}
