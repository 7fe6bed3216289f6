import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { LeaseReport, StoredObject } from '../../../shared/protocol/lease.ts'

/** Sentences of functions that are told, each once. */
const MAX_TOLD = 20

export interface HandoverOptions {
  readonly run: string
  /** The env's id. */
  readonly env: string
  readonly leaseSeconds: number
  /** Of a lease, where it ends after so many, whatever the time. */
  readonly fragments?: number | undefined
  readonly store: ObjectStore
  readonly onEvent: (text: string) => void
}

/** Hands what a shard's lease left to the shard's next one, and deletes what nobody goes on from any more. */
export class Handover {
  private readonly options: HandoverOptions
  /** By shard: what its newest lease was given to go on from. */
  private readonly given = new Map<number, StoredObject>()
  private readonly sentences = new Set<string>()
  private readonly deleting = new Set<Promise<void>>()
  private cut = 0

  constructor(options: HandoverOptions) {
    this.options = options
  }

  /** Episodes that ended with a lease, because their env could not be saved. */
  get episodesCut(): number {
    return this.cut
  }

  /** A shard's lease ended, and another follows. @returns what that goes on from */
  next(report: LeaseReport): StoredObject | undefined {
    const { shard } = report
    const before = this.given.get(shard)
    const left = this.ownOf(report)
    if (before && before.key !== left?.key) this.delete(before.key)
    if (left) this.given.set(shard, left)
    else this.given.delete(shard)
    this.told(report)
    return left
  }

  /** Tells what became of the envs of a lease that ended. */
  told({ shard, lease, episodesCut = 0, envStateProblem }: LeaseReport): void {
    if (envStateProblem !== undefined) this.tell(`shard ${shard}, lease ${lease}: ${envStateProblem}`, envStateProblem)
    this.cut += episodesCut
    if (episodesCut > 0 && envStateProblem === undefined) this.tellCut(episodesCut)
  }

  /** What the shard's newest lease was given, for one that takes its place before it began. */
  again(shard: number): StoredObject | undefined {
    return this.given.get(shard)
  }

  /** A shard's lease failed or was lost: its next one starts anew. */
  forget(shard: number): void {
    const before = this.given.get(shard)
    this.given.delete(shard)
    if (before) this.delete(before.key)
  }

  /** A goodbye that comes too late, or for the second time. Whatever it left, nobody goes on from. */
  late(report: LeaseReport): void {
    const { run, shard, lease, envState } = report
    const own = keys.envState(run, shard, lease)
    if (envState?.key === own && this.given.get(shard)?.key !== own) this.delete(own)
  }

  /** Deletes what is left. */
  async close(): Promise<void> {
    for (const shard of this.given.keys()) this.forget(shard)
    await Promise.all(this.deleting)
  }

  /** Only what that very lease wrote, or was given and gives on: the key comes out of a message. */
  private ownOf({ run, shard, lease, envState }: LeaseReport): StoredObject | undefined {
    const isOwn = envState?.key === keys.envState(run, shard, lease)
    return isOwn || envState?.key === this.given.get(shard)?.key ? envState : undefined
  }

  private tellCut(episodes: number): void {
    const { env, leaseSeconds, fragments } = this.options
    const lasts =
      fragments === undefined
        ? `a lease lasts ${leaseSeconds} s; give the env save and load, or set rollouts.leaseSeconds (at most 880)`
        : `a lease has ${fragments} fragments; give the env save and load, or set rollouts.leaseFragments`
    const text =
      `env ${env} has no save and load: ${episodes} ${episodes === 1 ? 'episode was' : 'episodes were'} cut when a lease ended, and is in no ` +
      `mean return; ${lasts}. The summary counts all that are cut`
    this.tell(text, 'cut')
  }

  private tell(text: string, kind: string): void {
    if (this.sentences.has(kind) || this.sentences.size >= MAX_TOLD) return
    this.sentences.add(kind)
    this.options.onEvent(text)
  }

  /** What is not deleted costs nothing but its room: a stage's bucket deletes it after a day. */
  private delete(key: string): void {
    const deleted: Promise<void> = this.options.store
      .delete([key])
      .catch(() => undefined)
      .finally(() => this.deleting.delete(deleted))
    this.deleting.add(deleted)
  }
}
