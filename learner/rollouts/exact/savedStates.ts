import { sha256Hex } from '../../../shared/batch/hash.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import type { StoredObject } from '../../../shared/protocol/lease.ts'

/** Should the newest one be damaged, there is one before it. */
const SPARE = 1

/** A place in a shard's stream from which it can be stepped. */
export interface StatePoint {
  /** Of the fragment that comes next. */
  readonly sequence: number
  /** Without one the envs start anew there, from seeds of that sequence number. */
  readonly state?: StoredObject | undefined
}

/**
 * Where each shard's envs were saved, in order. Kept are the newest that a lost lease, or a run that is resumed, may have to go back
 * to: those after what was consumed, the last before it, and one to spare.
 */
export class SavedStates {
  private readonly store: ObjectStore
  private readonly consumedUpTo: () => readonly number[]
  private readonly points: StatePoint[][]
  private readonly anewEvery: number | undefined
  private readonly deleting = new Set<Promise<void>>()
  private pins = 0

  constructor({ shards, store, consumedUpTo, begin, anewEvery }: SavedStatesOptions) {
    this.anewEvery = anewEvery
    this.store = store
    this.consumedUpTo = consumedUpTo
    this.points = Array.from({ length: shards }, (_, shard) => [begin?.[shard] ?? { sequence: 0 }])
  }

  /** The first of several at one place counts: they are the same state. */
  add(shard: number, point: StatePoint): void {
    const points = this.points[shard]
    if (!points) return
    const at = points.findLastIndex(({ sequence }) => sequence <= point.sequence)
    const known = points[at]
    if (known?.sequence === point.sequence) {
      if (known.state?.key !== point.state?.key) this.delete([point])
      return
    }
    // What lies before all that is kept, nobody goes back to.
    if (!known && points.length > 0) return this.delete([point])
    points.splice(at + 1, 0, point)
    this.prune(shard)
  }

  /** It cannot be used. */
  drop(shard: number, key: string): void {
    const points = this.points[shard]
    const at = points?.findIndex(({ state }) => state?.key === key) ?? -1
    if (at >= 0) this.delete(points?.splice(at, 1) ?? [])
  }

  /** The newest from which this fragment can be stepped; undefined where there is none any more. */
  before(shard: number, sequence: number): StatePoint | undefined {
    const saved = this.points[shard]?.findLast((point) => point.sequence <= sequence)
    if (this.anewEvery === undefined) return saved
    const anew = sequence - (sequence % this.anewEvery)
    return saved && saved.sequence >= anew ? saved : { sequence: anew }
  }

  /** The sequence number at which the envs start anew, whatever happens, after this one. */
  nextStart(sequence: number): number {
    const { anewEvery = Number.POSITIVE_INFINITY } = this
    return (Math.floor(sequence / anewEvery) + 1) * anewEvery
  }

  /** By shard: the oldest place that somebody may go back to. */
  get oldest(): readonly number[] {
    if (this.anewEvery === undefined) return this.points.map(([first]) => first?.sequence ?? 0)
    return this.consumedUpTo().map((sequence, shard) => this.before(shard, sequence)?.sequence ?? 0)
  }

  /**
   * The newest states from which the fragments with these numbers, by shard, can be stepped. Until they are released nothing is deleted.
   *
   * @returns undefined where a shard has none, or began anew in between
   */
  at(sequences: readonly number[]): PinnedStates | undefined {
    const points: StatePoint[] = []
    for (const [shard, sequence] of sequences.entries()) {
      const point = this.before(shard, sequence)
      const isFixed = point !== undefined && point.sequence % (this.anewEvery ?? Number.POSITIVE_INFINITY) === 0
      if (!point || (!isFixed && !point.state)) return undefined
      points.push(point)
    }
    this.pins++
    return {
      points,
      read: async () => await this.read(points),
      release: () => {
        this.pins--
      },
    }
  }

  private async read(points: readonly StatePoint[]): Promise<(Uint8Array | undefined)[] | undefined> {
    const states: (Uint8Array | undefined)[] = []
    for (const [shard, { state }] of points.entries()) {
      const found = state && (await this.store.get(state.key))
      const body = found?.kind === 'found' ? found.body : undefined
      if (state && (!body || sha256Hex(body) !== state.sha256)) {
        this.drop(shard, state.key)
        return undefined
      }
      states.push(body)
    }
    return states
  }

  /** Deletes all. */
  async close(): Promise<void> {
    for (const points of this.points) this.delete(points.splice(0))
    await Promise.all(this.deleting)
  }

  private prune(shard: number): void {
    const points = this.points[shard]
    if (!points || this.pins > 0) return
    const consumed = this.consumedUpTo()[shard] ?? 0
    const newest = points.findLastIndex(({ sequence }) => sequence <= consumed)
    if (newest > SPARE) this.delete(points.splice(0, newest - SPARE))
  }

  /** What is not deleted costs nothing but its room: a stage's bucket deletes it after a day. */
  private delete(points: readonly StatePoint[]): void {
    const keys = points.flatMap(({ state }) => (state ? [state.key] : []))
    if (keys.length === 0) return
    const deleted: Promise<void> = this.store
      .delete(keys)
      .catch(() => undefined)
      .finally(() => this.deleting.delete(deleted))
    this.deleting.add(deleted)
  }
}

/** States that stay for as long as somebody reads them. */
export interface PinnedStates {
  readonly points: readonly StatePoint[]
  /** Their bytes, undefined for a shard that has none yet; undefined as a whole where one is damaged. */
  read(): Promise<readonly (Uint8Array | undefined)[] | undefined>
  release(): void
}

export interface SavedStatesOptions {
  readonly shards: number
  readonly store: ObjectStore
  /** By shard: the sequence number after the last fragment consumed. */
  readonly consumedUpTo: () => readonly number[]
  /** By shard: what there is to begin with, in a run that goes on. */
  readonly begin?: readonly StatePoint[] | undefined
  /** Envs that cannot be saved start anew at every multiple of this sequence number. */
  readonly anewEvery?: number | undefined
}
