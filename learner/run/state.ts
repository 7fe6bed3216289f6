import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import type { Clocks } from './clocks.ts'
import { EpisodeWindow } from './episodeWindow.ts'
import type { DivergedUpdate } from '../training/divergence.ts'
import type { UpdateResult } from './updateResult.ts'

/** What of a run's state outlives its learner. */
export interface RunStateSnapshot {
  readonly clocks: Clocks
  readonly stale: { readonly fragments: number; readonly envSteps: number }
  readonly episodes: number
  /** Returns of the last episodes, oldest first. */
  readonly lastReturns: ArrayLike<number>
}

/** What a run knows of itself: its three clocks, its last episodes, and what was dropped. Operators write it, reporting reads it. */
export class RunState {
  readonly episodes = new EpisodeWindow()
  readonly clocks: { -readonly [K in keyof Clocks]: Clocks[K] } = { envSteps: 0, trainedSteps: 0, updates: 0 }
  /** Fragments and env steps dropped as too old. */
  readonly stale = { fragments: 0, envSteps: 0 }
  /** Fragments that were given to this attempt, whatever came before it. */
  readonly fates = { trained: 0, stale: 0 }
  /** Called at every update, when nothing of the next one has begun: the learner and these clocks agree. */
  onTrained: () => void = () => undefined
  /**
   * Called with every update as soon as it is made, before it leaves the plan: of an update whose plan ends there is a record, and a
   * checkpoint never knows of one that has none.
   */
  onUpdate: (update: UpdateResult) => void = () => undefined
  /** Keeps the batch of an update that diverged. @returns where; undefined where nothing is kept */
  keepBatch: DivergedUpdate['keep'] = async () => undefined
  private readonly acknowledge: (fragment: SampleBatch) => void
  private began = 0

  /** @param acknowledge called once for every fragment that was trained on or dropped for good */
  constructor(acknowledge: (fragment: SampleBatch) => void) {
    this.acknowledge = acknowledge
  }

  /** The first policy version: the updates that were done before this attempt began, or before the first of those that it goes on with exactly. */
  get baseVersion(): number {
    return this.began
  }

  save(): RunStateSnapshot {
    const { clocks, stale, episodes } = this
    return { clocks: { ...clocks }, stale: { ...stale }, episodes: episodes.episodes, lastReturns: episodes.last() }
  }

  /** Goes on from an earlier attempt. @param baseVersion that of the earlier attempt, where this one is its exact continuation */
  restore({ clocks, stale, episodes, lastReturns }: RunStateSnapshot, baseVersion: number = clocks.updates): void {
    Object.assign(this.clocks, clocks)
    Object.assign(this.stale, stale)
    this.episodes.restore(lastReturns, episodes)
    this.began = baseVersion
  }

  /** The newest policy version: the number of updates. */
  get policyVersion(): number {
    return this.clocks.updates
  }

  /** A fragment reached the learner: its steps count as sampled, its episodes as finished. */
  sampled(fragment: SampleBatch): void {
    this.clocks.envSteps += fragment.provenance.envSteps
    const returns = fragment.columns['episode_returns']?.data
    for (let i = 0; i < (returns?.length ?? 0); i++) this.episodes.add(returns?.[i] ?? 0)
  }

  /** How many updates the learner has made since a fragment's policy. */
  lagOf(fragment: SampleBatch): number {
    return this.policyVersion - fragment.provenance.policyVersion
  }

  /** A fragment was too old to be trained on: sampled, and dropped. */
  dropStale(fragment: SampleBatch): void {
    this.sampled(fragment)
    this.stale.fragments++
    this.fates.stale++
    this.stale.envSteps += fragment.provenance.envSteps
    this.acknowledge(fragment)
  }

  /** Fragments went into an update. */
  trained(fragments: readonly SampleBatch[]): void {
    this.clocks.updates++
    this.fates.trained += fragments.length
    for (const fragment of fragments) {
      this.clocks.trainedSteps += fragment.provenance.envSteps
      this.acknowledge(fragment)
    }
    this.onTrained()
  }
}
