/** Beyond this much only the newest is held. */
const MAX_BYTES = 64 * 1024 * 1024

/** Policies that are in the bucket and that the learner also holds, so that one which was damaged there can be written again. Oldest go first. */
export class HeldPolicies {
  private readonly models = new Map<number, Uint8Array>()
  private readonly maxBytes: number
  private bytes = 0

  constructor(maxBytes = MAX_BYTES) {
    this.maxBytes = maxBytes
  }

  /** @param model must not change any more */
  add(version: number, model: Uint8Array): void {
    this.drop(version)
    this.models.set(version, model)
    this.bytes += model.byteLength
    for (const oldest of this.models.keys()) {
      if (this.bytes <= this.maxBytes || oldest === version) return
      this.drop(oldest)
    }
  }

  get(version: number): Uint8Array | undefined {
    return this.models.get(version)
  }

  drop(version: number): void {
    this.bytes -= this.models.get(version)?.byteLength ?? 0
    this.models.delete(version)
  }
}
