import type { ObjectStore } from '../../shared/cloud/ports.ts'

/** Policies kept at most; the newest always is. */
const MAX_BYTES = 64 << 20

/**
 * What this learner wrote for functions to read, so that it can be written again: an object that was damaged on its way, or where it
 * lies, would else be damaged for every function and for good.
 */
export class Originals {
  private readonly store: ObjectStore
  private readonly bodies = new Map<string, Uint8Array>()
  /** Kept for good. */
  private readonly code = new Map<string, Uint8Array>()
  private bytes = 0
  private readonly writing = new Map<string, Promise<boolean>>()

  /** @param store rides out bad minutes */
  constructor(store: ObjectStore) {
    this.store = store
  }

  /** Code, which is never replaced. */
  keepForGood(key: string, body: Uint8Array): void {
    this.code.set(key, body)
  }

  /** A policy. Old ones are forgotten when there are too many. */
  keep(key: string, body: Uint8Array): void {
    this.forget(key)
    this.bodies.set(key, body)
    this.bytes += body.byteLength
    for (const old of this.bodies.keys()) {
      if (this.bytes <= MAX_BYTES || old === key) return
      this.forget(old)
    }
  }

  forget(key: string): void {
    this.bytes -= this.bodies.get(key)?.byteLength ?? 0
    this.bodies.delete(key)
  }

  get(key: string): Uint8Array | undefined {
    return this.code.get(key) ?? this.bodies.get(key)
  }

  /** A function found it damaged. Several that did share one write. @returns whether it is there again as it was */
  async writeAgain(key: string): Promise<boolean> {
    const body = this.get(key)
    if (!body) return false
    const written = this.writing.get(key) ?? this.write(key, body)
    this.writing.set(key, written)
    return await written
  }

  private async write(key: string, body: Uint8Array): Promise<boolean> {
    try {
      await this.store.put(key, body)
      return true
    } catch {
      return false // the lease that comes next says what is wrong
    } finally {
      this.writing.delete(key)
    }
  }
}
