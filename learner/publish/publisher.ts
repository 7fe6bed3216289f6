import { MillraceError } from '../../shared/errors.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { Patience } from '../../shared/cloud/patience.ts'
import type { Clock, ObjectStore } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { MAX_EARLIER_POLICIES, type PolicyHash } from '../../shared/protocol/lease.ts'
import { type Manifest, encodeManifest, halfOf } from '../../shared/protocol/manifest.ts'
import { Deletions } from './deletions.ts'
import { Originals } from './originals.ts'

/** Models up to this size ride in the manifest, so that a function needs one request a version instead of two. */
const INLINE_BYTES = 64 * 1024
const HEARTBEAT_EVERY_MS = 2_000
const LOOK_EVERY_MS = 500
/** A wall clock that moved by this much against the monotonic one was set; drift stays far below. */
const JUMP_MS = 1_000
/** Once the run is over, writes are tried again no longer than this: functions then end by the heartbeat. */
const LAST_TRIES_MS = 10_000
/** Policies kept in the bucket: a function may be a few versions behind. Beyond this many, or this much, all but the newest go that nobody needs. */
const KEPT = { most: 256, bytes: 256 * 1024 * 1024, newest: 32, told: 256 }

export interface PublisherOptions {
  readonly run: string
  /** How long functions go on without a sign of life of the learner. */
  readonly heartbeatMs: number
  /** Is every version to be an object of its own, also one that is small enough to ride in the manifest? */
  readonly everyVersion: boolean
  /** The oldest version that a function may still ask for; those after it are kept. Only where old ones are asked for. */
  readonly oldestNeeded?: (() => number) | undefined
  /** Where policies are kept that may have to be written again. */
  readonly originals?: Originals | undefined
  /** By shard, how far fragments were consumed. */
  readonly consumed: () => readonly number[]
  /** Tell of what was consumed when the newest policy was made, and not of what was consumed since: a function hears of both at once. */
  readonly consumedWithPolicy?: boolean | undefined
  /** How many fragments a shard may be ahead of that; unless told, what its pacing says. */
  readonly window?: (() => number) | undefined
  /** Should functions that only wait give their places up? */
  readonly handOver?: (() => boolean) | undefined
  /** Writes made, for the bill. */
  readonly onRequest: (puts: number) => void
  /** A write failed, and is tried again for some minutes. */
  readonly onOutage?: (error: unknown) => void
  readonly onEvent?: (text: string) => void
  /** The heartbeat cannot be written: functions end, and will not hear of anything new. */
  readonly onFatal?: (error: unknown) => void
}

/**
 * Writes policies and the manifest. Policies are immutable objects; the manifest is one small object that this learner alone
 * writes, one write at a time, the newest state last. While it is open it also keeps the heartbeat going.
 */
export class Publisher {
  private readonly store: ObjectStore
  private readonly clock: Clock
  private readonly patience: Patience
  private readonly enough = new AbortController()
  private readonly gone: Deletions<string>
  private readonly onFatal: (error: unknown) => void
  private readonly run: string
  private readonly heartbeatMs: number
  private readonly everyVersion: boolean
  private readonly oldestNeeded: () => number
  private readonly originals: Originals
  private readonly consumed: () => readonly number[]
  private readonly consumedWithPolicy: boolean
  /** As of the newest policy. */
  private consumedThen: readonly number[] = []
  private readonly window: () => number | undefined
  private readonly handOver: () => boolean
  private readonly onRequest: (puts: number) => void
  private policy: Manifest['policy'] | undefined
  private stopped = false
  private speaking = Number.NEGATIVE_INFINITY
  private dirty = false
  private writing: Promise<void> | undefined
  private lastWrite = Number.NEGATIVE_INFINITY
  /** By how much the wall clock was ahead of the monotonic one at the last write. */
  private wallAhead = 0
  private timer: NodeJS.Timeout | undefined
  private readonly kept: { readonly version: number; readonly key: string; readonly bytes: number }[] = []
  private keptBytes = 0
  /** Of every version that has an object of its own, oldest first. Only where old ones are asked for. */
  private readonly hashes: PolicyHash[] = []
  private readonly storing = new Map<number, Promise<void>>()

  constructor(
    store: ObjectStore,
    clock: Clock,
    {
      run,
      heartbeatMs,
      everyVersion,
      oldestNeeded,
      originals,
      consumed,
      consumedWithPolicy = false,
      window,
      handOver,
      onRequest,
      ...told
    }: PublisherOptions,
  ) {
    const { onOutage, onEvent = () => undefined, onFatal = () => undefined } = told
    this.store = store
    this.clock = clock
    this.patience = new Patience({ clock, signal: this.enough.signal, ...(onOutage && { onOutage }) })
    this.gone = new Deletions({ clock, what: 'old policies', onEvent, delete: (objects) => store.delete(objects) })
    this.onFatal = onFatal
    this.run = run
    this.heartbeatMs = heartbeatMs
    this.everyVersion = everyVersion
    this.oldestNeeded = oldestNeeded ?? (() => Number.POSITIVE_INFINITY)
    this.originals = originals ?? new Originals(store)
    this.consumed = consumed
    this.consumedWithPolicy = consumedWithPolicy
    this.window = window ?? (() => undefined)
    this.handOver = handOver ?? (() => false)
    this.onRequest = onRequest
  }

  /** Starts the heartbeat. One that cannot be written, in minutes, goes to `onFatal`. */
  start(): void {
    this.timer = setInterval(() => {
      if (!this.policy || !this.isDue()) return
      this.write().catch(this.onFatal)
    }, LOOK_EVERY_MS)
    this.timer.unref()
  }

  /** Every so often, and at once when the wall clock was set: what was written by the old one is then worth nothing to functions. */
  private isDue(): boolean {
    const now = this.clock.monotonic()
    const jumped = Math.abs(this.clock.now() - now - this.wallAhead) >= JUMP_MS
    return jumped || now - this.lastWrite >= HEARTBEAT_EVERY_MS
  }

  /** Writes the manifest again: what it tells has changed. */
  tell(): void {
    if (this.policy && !this.stopped) this.write().catch(this.onFatal)
  }

  /** Since when (monotonic ms) the learner's word has been written without a failure, so that functions could hear it; while it fails, never. */
  get speaksSince(): number {
    return this.speaking
  }

  /**
   * Makes a policy the newest one: its object first, where it has one, then the manifest that names it. Once functions were told to end
   * nobody needs it any more, and it fails nothing.
   * @param version rises with every call; calls may overlap
   * @throws MillraceError E_STORE
   */
  async publish(version: number, model: Uint8Array): Promise<void> {
    try {
      await this.writePolicy(version, model)
    } catch (error) {
      if (!this.stopped) throw error
    }
  }

  private async writePolicy(version: number, model: Uint8Array): Promise<void> {
    const key = keys.policy(this.run, version)
    const sha256 = sha256Hex(model)
    const consumed = [...this.consumed()]
    if (this.everyVersion) this.hashes.push([version, halfOf(sha256)])
    if (model.byteLength > INLINE_BYTES) {
      await this.keep(version, model)
      this.offer({ version, key, sha256 }, consumed)
      await this.write()
    } else {
      // A write costs as much as a fifth of a second of a function, and a small policy has many versions a second.
      const stored = this.everyVersion ? this.keep(version, model) : undefined
      this.offer({ version, key, sha256, inline: Buffer.from(model).toString('base64') }, consumed)
      await Promise.all([stored, this.write()])
    }
    await this.retire()
  }

  /** Puts versions of an earlier attempt where functions find them. They are the oldest. */
  async restore(policies: readonly { readonly version: number; readonly model: Uint8Array }[]): Promise<void> {
    for (const { version, model } of policies) {
      this.hashes.push([version, halfOf(sha256Hex(model))])
      await this.keep(version, model)
    }
  }

  /** The models of these versions, oldest first, those being written included. @throws MillraceError E_STORE where one is not there, or damaged */
  async models(first: number, last: number): Promise<{ version: number; model: Uint8Array }[]> {
    const found: { version: number; model: Uint8Array }[] = []
    for (const [version, hash] of this.hashesFrom(first)) {
      if (version > last) break
      found.push({ version, model: await this.model(version, hash) })
    }
    return found
  }

  private async model(version: number, hash: string): Promise<Uint8Array> {
    const key = keys.policy(this.run, version)
    const kept = this.originals.get(key)
    if (kept) return kept
    await this.storing.get(version)
    const read = await this.patience.try(() => this.store.get(key))
    if (read.kind !== 'found') throw new MillraceError('E_STORE', `policy version ${version} is not in the bucket`)
    if (halfOf(sha256Hex(read.body)) === hash) return read.body
    throw new MillraceError('E_STORE', `policy version ${version} was damaged in the bucket`)
  }

  private async keep(version: number, model: Uint8Array): Promise<void> {
    const kept = this.put(version, model).finally(() => this.storing.delete(version))
    this.storing.set(version, kept)
    await kept
  }

  private async put(version: number, model: Uint8Array): Promise<void> {
    const key = keys.policy(this.run, version)
    this.originals.keep(key, model)
    this.onRequest(1)
    await this.patience.try(() => this.store.put(key, model))
    this.kept.push({ version, key, bytes: model.byteLength })
    this.keptBytes += model.byteLength
  }

  /** Nobody asks for an old policy: without this a day's run would leave millions in the bucket. */
  private async retire(): Promise<void> {
    if (this.kept.length <= KEPT.newest || (this.kept.length <= KEPT.most && this.keptBytes <= KEPT.bytes)) return
    const needed = this.oldestNeeded()
    const free = this.kept.findIndex(({ version }) => version >= needed)
    const most = this.kept.length - KEPT.newest
    const gone = this.kept.splice(0, free < 0 ? most : Math.min(free, most))
    if (gone.length === 0) return
    for (const { version, key, bytes } of gone) {
      this.keptBytes -= bytes
      const at = this.hashes.findIndex(([known]) => known === version)
      if (at >= 0) this.hashes.splice(at, 1)
      this.originals.forget(key)
      this.gone.add(key)
    }
    await this.gone.flush()
  }

  /** What a function needs to check the models that it steps with again: from this version on. */
  hashesFrom(first: number): readonly PolicyHash[] {
    return this.hashes.slice(-MAX_EARLIER_POLICIES).filter(([version]) => version >= first)
  }

  /** The last ones before the newest: a lease that goes further back has the hashes with it. */
  private earlier(newest: number): PolicyHash[] {
    return this.hashes.slice(-KEPT.told).filter(([version]) => version < newest)
  }

  /** Tells every function to end. @throws MillraceError E_STORE when that could not be written within some seconds */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    this.stopped = true
    const timer = setTimeout(() => this.enough.abort(), LAST_TRIES_MS)
    try {
      if (this.policy) await this.write()
      await this.gone.close()
    } finally {
      clearTimeout(timer)
      this.enough.abort()
    }
  }

  /** A large policy whose object took long does not replace one that is newer. */
  private offer(policy: Manifest['policy'], consumed: readonly number[]): void {
    if (this.policy && this.policy.version >= policy.version) return
    this.policy = policy
    this.consumedThen = consumed
  }

  /** Writes the present state; calls made while a write is in flight share the next one. */
  private write(): Promise<void> {
    this.dirty = true
    this.writing ??= this.writeAll()
    return this.writing
  }

  private async writeAll(): Promise<void> {
    try {
      while (this.dirty && this.policy) await this.writeOnce()
    } finally {
      // At once and not in a later microtask: a write asked for in between would be answered by one that is over.
      this.writing = undefined
    }
  }

  /** Every try writes the newest state: an old one would be an old heartbeat. */
  private async writeOnce(): Promise<void> {
    const failed = () => {
      this.speaking = Number.POSITIVE_INFINITY
    }
    await this.patience.try(() => this.putManifest(), { failed })
    if (this.speaking === Number.POSITIVE_INFINITY) this.speaking = this.clock.monotonic()
  }

  private async putManifest(): Promise<void> {
    const { policy } = this
    if (!policy) return
    const window = this.window()
    this.dirty = false
    this.lastWrite = this.clock.monotonic()
    this.wallAhead = this.clock.now() - this.lastWrite
    this.onRequest(1)
    await this.store.put(
      keys.manifest(this.run),
      encodeManifest({
        format: 1,
        run: this.run,
        policy,
        ...(this.everyVersion && { earlier: this.earlier(policy.version) }),
        consumed: [...(this.consumedWithPolicy ? this.consumedThen : this.consumed())],
        ...(window !== undefined && { window }),
        ...(this.handOver() && { handOver: true }),
        heartbeatUntil: this.clock.now() + this.heartbeatMs,
        heartbeatMs: this.heartbeatMs,
        stop: this.stopped,
      }),
    )
  }
}
