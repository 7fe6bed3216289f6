import { columnNamed, validateFragment } from '../../shared/batch/index.ts'
import { Patience } from '../../shared/cloud/patience.ts'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import type { LeaseReport } from '../../shared/protocol/lease.ts'
import { exactVersion } from '../../shared/rollout/pace.ts'
import { Admission } from './inbox/admission.ts'
import type { ExactStarts } from './exact/exactStarts.ts'
import { exactRollouts } from './exact/exactRollouts.ts'
import { functionOf, functionsOf } from './functionsOf.ts'
import { writtenAgain } from './leases/damagedObjects.ts'
import { Handover } from './leases/handover.ts'
import { Inbox } from './inbox/inbox.ts'
import { MAX_SENDS_IN_FLIGHT, makeInvocations } from './leases/makeInvocations.ts'
import { LeaseFates } from './leases/leaseFates.ts'
import { LeaseKeeper } from './leases/leaseKeeper.ts'
import { Places } from './leases/places.ts'
import type { Repairs } from './exact/repairs.ts'
import { ReturnCheck } from './inbox/returnCheck.ts'
import type { PinnedStates, SavedStates } from './exact/savedStates.ts'
import type { SamplerOptions } from './samplerOptions.ts'
import { Silence } from './silence.ts'
import { SharedWindow } from './sharedWindow.ts'
import { RolloutSource, type Sampling } from './source.ts'

const UNCOUNTED =
  'returns of some episodes are not counted: fragments before them were lost, and no reward seen so far explains such returns'

/** All that makes experience for a run: leases kept open, fragments received and checked, and the source they come out of. */
export class Sampler implements Sampling {
  readonly source: RolloutSource
  readonly leases = new LeaseFates()
  private readonly options: SamplerOptions
  private readonly abort = new AbortController()
  private readonly keeper: LeaseKeeper
  private readonly places: Places
  private readonly sharedWindow: SharedWindow
  private readonly inbox: Inbox
  private readonly silence: Silence
  private readonly handover: Handover
  private readonly admission: Admission
  private readonly returns: ReturnCheck
  private readonly states: SavedStates | undefined
  private readonly starts: ExactStarts | undefined
  private readonly repairs: Repairs | undefined
  private broken: string | undefined
  /** Fragments some of whose returns nothing explains, and what of them goes on. */
  private readonly explained = new WeakMap<SampleBatch, SampleBatch>()
  private pumping: Promise<void> = Promise.resolve()
  private watching: Promise<unknown> = Promise.resolve()
  private policyIsOut = false
  private toldUncounted = false

  constructor(options: SamplerOptions) {
    const { run, cloud, rollouts, pacing, meter, onEvent } = options
    this.options = options
    this.source = new RolloutSource(rollouts.shards, this)
    const shared = { onEvent, onFatal: (error: unknown) => this.source.fail(error), signal: this.abort.signal }
    const { env } = options
    const { leaseSeconds, shards } = rollouts
    const { anewEvery: fragments } = options
    const functions = functionsOf(rollouts, cloud.concurrency)
    this.handover = new Handover({ run, env: env.id, leaseSeconds, fragments, store: cloud.store, onEvent })
    const atOnce = Math.floor(((cloud.concurrency ?? functions) * shards) / functions)
    this.sharedWindow = new SharedWindow({ pacing, shards, atOnce: Math.max(1, atOnce) })
    this.admission = new Admission({
      shards,
      pacing,
      clock: cloud.clock,
      fragmentSteps: rollouts.fragmentLength * rollouts.envsPerShard,
      rounds: options.form.rounds ?? 1,
      newestVersion: options.newestVersion,
      consumedUpTo: () => this.inbox.consumedUpTo,
      largestWindow: () => this.sharedWindow.largest,
    })
    const exact = pacing.mode === 'exact'
    const from = options.goOn?.consumed ?? Array.from({ length: shards }, () => 0)
    this.returns = new ReturnCheck({
      shards,
      numEnvs: rollouts.envsPerShard,
      exactFrom: exact ? from : undefined,
    })
    const patience = new Patience({ clock: cloud.clock, signal: this.abort.signal, onOutage: options.outages.seen })
    this.inbox = new Inbox({
      ...shared,
      queue: cloud.queue,
      store: cloud.store,
      clock: cloud.clock,
      patience,
      run,
      leftovers: cloud.leftovers ?? 'reject',
      shards,
      from: exact ? from : undefined,
      onLost: ({ shard, sequence }) => this.repairs?.need(shard, sequence),
      // What pacing lets through twice over (a batch may need all of it to be full), and what may be in flight besides.
      capacity: Math.max(16, shards * (2 * Math.ceil(pacing.perVersion * (pacing.lead + 1)) + MAX_SENDS_IN_FLIGHT)),
      admission: this.admission,
      check: (fragment) => this.check(fragment),
      onFragment: (fragment) => {
        this.silence.broken()
        this.starts?.heard(fragment)
        this.repairs?.heard(fragment.provenance)
        this.keeper.alive(fragment.provenance.shard, columnNamed(fragment, 'episode_lengths').data.length)
        this.source.push(this.explained.get(fragment) ?? fragment)
      },
      onUnreadable: () => this.repairs?.unreadable(),
      onRejected: () => this.silence.broken(),
      onLeaseEnd: (report) => this.leaseEnded(report),
      onInvocationFailed: ({ leases, ...why }) => {
        for (const lease of leases)
          if (!this.repairs?.cameToNothing(lease, why.reason)) this.keeper.cameToNothing({ ...lease, ...why })
      },
      onRequests: (made) => meter.request(made),
    })
    this.silence = new Silence({
      ...shared,
      clock: cloud.clock,
      rollouts,
      waiting: () => this.waiting(),
    })
    this.places = new Places({
      ...shared,
      clock: cloud.clock,
      concurrency: cloud.concurrency,
      where: cloud.where,
      functions,
      ...(exact && {
        hasWork: (firstSequence) => exactVersion(pacing, firstSequence) <= options.newestVersion(),
        onWanted: options.onNews,
      }),
    })
    const issuing = {
      ...shared,
      invoker: cloud.invoker,
      clock: cloud.clock,
      places: this.places,
      meter,
      fates: this.leases,
      leaseMs: leaseSeconds * 1000,
      makeInvocation: makeInvocations(options, (lease) => {
        this.admission.issued(lease)
        this.returns.issued(lease)
      }),
      heardAllSince: (ms: number) => this.inbox.heardAllSince(ms),
    }
    if (exact) {
      const around = {
        patience,
        inbox: () => this.inbox,
        policyIsOut: () => this.policyIsOut,
        onBroken: (reason: string) => this.onBroken(reason),
      }
      const onGone = (shard: number) => this.keeper.gone(shard)
      const { states, starts, repairs } = exactRollouts({ ...options, ...around }, { ...issuing, onGone })
      this.states = states
      this.starts = starts
      this.repairs = repairs
    }
    this.keeper = new LeaseKeeper({
      ...issuing,
      handover: this.handover,
      exact,
      starts: this.starts,
      functionOf: (shard) => functionOf(shard, { shards, functions }),
      fragmentLength: rollouts.fragmentLength,
      policyIsOut: () => this.policyIsOut,
      learnerSpeaksSince: options.learnerSpeaksSince,
      outageSince: options.outages.since,
      // Batches in order need every fragment; otherwise one that never came is not worth those after it.
      goOnAt: (shard, sentUpTo) =>
        exact ? this.inbox.firstMissing(shard) : Math.max(sentUpTo, this.inbox.afterLast(shard)),
    })
  }

  /** Nothing is here to train on, and functions have all they need to make it. */
  private waiting(): boolean {
    return this.policyIsOut && this.keeper.functions > 0 && this.inbox.size === 0 && this.inbox.listens
  }

  private onBroken(reason: string): void {
    if (this.broken !== undefined) return
    this.broken = reason
    this.options.onEvent(`this run will not repeat bit for bit: ${reason}`)
  }

  /** Why the run cannot be repeated bit for bit, though it was to be. */
  get brokenBecause(): string | undefined {
    return this.broken ?? this.options.brokenBecause
  }

  /** The oldest policy version that a shard which has to be stepped again would ask for. */
  get oldestVersion(): number {
    const { pacing } = this.options
    return this.states ? exactVersion(pacing, Math.min(...this.states.oldest)) : Number.POSITIVE_INFINITY
  }

  private leaseEnded(report: LeaseReport): void {
    const over = (ended: LeaseReport) => {
      if (!this.repairs?.ended(ended)) this.keeper.ended(ended)
    }
    const written = writtenAgain(report, this.options.originals)
    if (written) void written.then(over)
    else over(report)
  }

  /** The platform told of an invocation that failed. */
  invocationFailed(requestId: string, reason: string, started = true): void {
    if (!this.repairs?.cameToNothing({ requestId }, reason)) this.keeper.crashed(requestId, reason, started)
  }

  /** The first policy is there for functions to read; until then they wait. */
  policyPublished(): void {
    this.policyIsOut = true
  }

  /** Functions at work, or being started. */
  get functionsInFlight(): number {
    return this.keeper.functions + (this.repairs?.inFlight ?? 0)
  }

  /** Is a shard without a function held up by functions that only wait? In batches in order all wait for it in the end. */
  get wantsPlaces(): boolean {
    return this.options.pacing.mode === 'exact' && this.places.handOver()
  }

  /** Episodes that ended with a lease, because their env could not be saved. */
  get episodesCut(): number {
    return this.handover.episodesCut
  }

  get queuedFragments(): number {
    return this.inbox.size
  }

  /** Fragments that came and of which nothing is decided yet. */
  get fragmentsInHand(): number {
    return this.inbox.inHand
  }

  get rejected(): Inbox['rejected'] {
    return this.inbox.rejected
  }

  get consumedUpTo(): readonly number[] {
    return this.inbox.consumedUpTo
  }

  /** A fragment was trained on or dropped for good. */
  consumed(fragment: SampleBatch): void {
    this.inbox.consumed(fragment)
    this.sharedWindow.consumed(fragment.provenance.shard)
  }

  /** How many fragments a shard may be ahead of what was consumed. */
  get window(): number {
    return this.sharedWindow.size
  }

  start(): void {
    this.places.open()
    if (this.options.brokenBecause !== undefined) this.onBroken(this.options.brokenBecause)
    this.keeper.open(this.options.rollouts.shards)
    this.watching = Promise.all([this.silence.watch(), this.repairs?.watch()])
    this.pumping = this.inbox.pump().catch((error: unknown) => {
      if (!this.abort.signal.aborted) this.source.fail(error)
    })
  }

  async stop(): Promise<void> {
    this.abort.abort()
    this.leases.close()
    await this.inbox.close()
    await this.pumping
    await this.watching
    await this.keeper.close()
    await this.repairs?.close()
    await this.handover.close()
  }

  /** States from which the fragments with these numbers, by shard, can be stepped; undefined where the run does not repeat bit for bit. */
  statesAt(sequences: readonly number[]): PinnedStates | undefined {
    return this.brokenBecause === undefined ? this.states?.at(sequences) : undefined
  }

  /** Deletes the saved states: nobody will go on from them. */
  async discard(): Promise<void> {
    await this.states?.close()
  }

  private check(fragment: SampleBatch): void {
    validateFragment(fragment, this.options.form)
    this.admission.knownVersion(columnNamed(fragment, 'policy_versions').data.at(-1) ?? 0, fragment.provenance)
    const explained = this.returns.explained(fragment)
    if (explained === fragment) return
    if (!this.toldUncounted) this.options.onEvent(UNCOUNTED)
    this.toldUncounted = true
    this.explained.set(fragment, explained)
  }
}
