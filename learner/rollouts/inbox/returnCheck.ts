// Hot path: one pass over [T, B]; sizes were checked by validateFragment, so `!` on typed arrays is fine here.
import { columnNamed } from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { EpisodeTrail, type Running, SEEN_BEFORE, runningOf } from './episodeTrail.ts'

/** Leases of a shard whose episodes are followed: the present one, and some that were lost or replaced while their fragments travel. */
const TRAILS = 8
/** Rewards travel as float32, and an env of a user's own may add them up as such: half a unit in the last place a step. */
const ROUNDING = 2 ** -24
const SPARE_STEPS = 4

export interface FollowedLease {
  readonly shard: number
  readonly lease: string
  readonly firstSequence: number
  /** There where the envs go on from an earlier lease; without it they start anew. */
  readonly envState?: unknown
}

export interface ReturnCheckOptions {
  readonly shards: number
  readonly numEnvs: number
  /** In an exact pace, by shard: the sequence number with which it begins. */
  readonly exactFrom?: readonly number[] | undefined
}

/**
 * Compares the returns and lengths that fragments tell with their rewards. The sum is kept for every env over the fragments of a lease,
 * and over leases whose envs go on. An episode all of whose steps came has to have the sum of its rewards as its return, within the
 * rounding of float32, and its very length.
 *
 * Of an episode whose beginning did not come (a fragment before was lost, or is still on its way) only a bound is known: no step can have
 * given more than the largest reward seen in the run. What is beyond it is not refused, for a lost fragment may explain it: it is
 * trained on, and its return is not counted.
 */
export class ReturnCheck {
  /** Returns that were left out, since nothing explains them. */
  uncounted = 0
  private readonly numEnvs: number
  /** By shard and lease, in the order in which they were given out. */
  private readonly trails: Map<string, EpisodeTrail>[]
  /** One a shard, where its leases all make the same data. */
  private readonly ofShards: readonly EpisodeTrail[] | undefined
  /** Used again at every fragment. */
  private readonly scratch: Running
  private largest = 0

  constructor({ shards, numEnvs, exactFrom }: ReturnCheckOptions) {
    this.numEnvs = numEnvs
    this.trails = Array.from({ length: shards }, () => new Map<string, EpisodeTrail>())
    this.scratch = runningOf(numEnvs, false)
    this.ofShards = exactFrom?.map((first) => EpisodeTrail.ofShard(first, numEnvs))
  }

  /** A lease is given out. */
  issued({ shard, lease, firstSequence, envState }: FollowedLease): void {
    if (this.ofShards) {
      if (envState === undefined) this.ofShards[shard]?.startsAnewAt(firstSequence)
      return
    }
    const trails = this.trails[shard]
    if (!trails) return
    const trail = new EpisodeTrail(firstSequence, this.numEnvs, envState === undefined)
    for (const before of trails.values()) trail.goOn(before)
    trails.set(lease, trail)
    if (trails.size <= TRAILS) return
    for (const oldest of trails.keys()) {
      trails.delete(oldest)
      return
    }
  }

  /**
   * @param fragment one that `validateFragment` found good
   * @returns the fragment, without the returns that nothing explains where there are any
   * @throws MillraceError E_BATCH_VALUE when its rewards contradict a return or a length
   */
  explained(fragment: SampleBatch): SampleBatch {
    // Where a stage made something else of its steps, nothing can be compared.
    if (!Object.hasOwn(fragment.columns, 'rewards')) return fragment
    const { shard, lease, sequence } = fragment.provenance
    const trail = this.ofShards ? this.ofShards[shard] : this.trails[shard]?.get(lease)
    if (trail?.first === sequence && fragment.notes['envs'] === 'anew') trail.startAnew()
    const known = trail?.isNext(sequence) ? trail.running : undefined
    const { scratch } = this
    for (const name of ['sums', 'sizes', 'lengths', 'whole'] as const) {
      if (known) scratch[name].set(known[name])
      else scratch[name].fill(0)
    }
    const largest = largestReward(fragment, this.largest)
    const left = this.follow(fragment, largest)
    this.largest = largest
    if (trail && known) {
      trail.took(scratch)
      for (const later of this.trails[shard]?.values() ?? []) later.goOn(trail)
    } else if (trail) {
      const { sums, sizes, lengths, whole } = scratch
      trail.cameEarly(sequence, {
        sums: sums.slice(),
        sizes: sizes.slice(),
        lengths: lengths.slice(),
        whole: whole.slice(),
      })
    }
    if (left.length === 0) return fragment
    this.uncounted += left.length
    return without(fragment, left)
  }

  /** Moves the scratch on over the fragment. @returns the episodes, by their place in it, whose returns nothing explains */
  private follow(fragment: SampleBatch, largest: number): number[] {
    const { numEnvs: B } = this
    const { sums, sizes, lengths, whole } = this.scratch
    const rewards = columnNamed(fragment, 'rewards').data
    const terminated = columnNamed(fragment, 'terminated').data
    const truncated = columnNamed(fragment, 'truncated').data
    const left: number[] = []
    let episode = 0
    for (let step = 0; step < rewards.length;) {
      for (let i = 0; i < B; i++, step++) {
        const reward = rewards[step]!
        sums[i] = sums[i]! + reward
        sizes[i] = sizes[i]! + Math.abs(reward)
        lengths[i] = lengths[i]! + 1
        if ((terminated[step]! | truncated[step]!) === 0) continue
        if (!this.agrees(fragment, { episode, env: i, largest })) left.push(episode)
        episode++
        sums[i] = sizes[i] = lengths[i] = 0
        whole[i] = 1
      }
    }
    return left
  }

  private agrees(
    fragment: SampleBatch,
    at: { readonly episode: number; readonly env: number; readonly largest: number },
  ): boolean {
    const { episode, env, largest } = at
    const told = columnNamed(fragment, 'episode_returns').data[episode]!
    const length = columnNamed(fragment, 'episode_lengths').data[episode]!
    const [sum, size, seen] = [this.scratch.sums[env]!, this.scratch.sizes[env]!, this.scratch.lengths[env]!]
    const isWhole = this.scratch.whole[env]! === 1
    if (this.scratch.whole[env]! === SEEN_BEFORE && length >= seen) return true
    if (isWhole ? length !== seen : length < seen) {
      const expected = `${seen}${isWhole ? '' : ' or more'}, as many as its steps`
      throw contradicted(fragment, { column: 'episode_lengths', episode, env, told: length, expected })
    }
    const unseen = (length - seen) * largest
    const rounding = ROUNDING * (SPARE_STEPS + length) * (size + unseen + Math.abs(told))
    const apart = Math.abs(told - sum)
    if (apart <= rounding + unseen) return true
    if (!isWhole && length > seen) return false
    throw contradicted(fragment, {
      column: 'episode_returns',
      episode,
      env,
      told,
      expected: `${sum}, the sum of its rewards`,
    })
  }
}

function largestReward(fragment: SampleBatch, before: number): number {
  const { data } = columnNamed(fragment, 'rewards')
  let largest = before
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]!)
    if (size > largest) largest = size
  }
  return largest
}

/** A copy whose returns and lengths leave these episodes out; everything else is shared. */
function without(fragment: SampleBatch, episodes: readonly number[]): SampleBatch {
  const gone = new Set(episodes)
  const columns = { ...fragment.columns }
  for (const name of ['episode_returns', 'episode_lengths']) {
    const column = columnNamed(fragment, name)
    const data = column.data.filter((_, episode) => !gone.has(episode))
    columns[name] = { ...column, shape: [data.length], data }
  }
  return { ...fragment, columns }
}

interface Contradiction {
  readonly column: string
  readonly episode: number
  readonly env: number
  readonly told: number
  readonly expected: string
}

function contradicted(fragment: SampleBatch, { column, episode, env, told, expected }: Contradiction): MillraceError {
  const { shard, lease, sequence } = fragment.provenance
  return new MillraceError(
    'E_BATCH_VALUE',
    `${column}[${episode}] is ${told}, expected ${expected} (env ${env}, shard ${shard}, lease ${lease}, fragment ${sequence})`,
    { column, index: episode, shard, lease, sequence },
  )
}
