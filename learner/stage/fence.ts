import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { lostClaim } from './claim.ts'

export interface FenceOptions {
  readonly store: ObjectStore
  /** May this learner act for the stage at this moment? */
  readonly claim: { readonly held: boolean }
}

/**
 * Writes objects that only the learner may write that has the stage. Each write is conditional on what lay there when this learner last had
 * the claim: one that stood still (a suspended process, a frozen machine), and does not know yet that another has taken over, overwrites
 * nothing of that one's. What such a learner writes before the other has written, the other overwrites.
 */
export class Fence {
  private readonly options: FenceOptions
  /** By key, what this learner wrote or found there. */
  private readonly etags = new Map<string, string>()

  constructor(options: FenceOptions) {
    this.options = options
  }

  /** @throws MillraceError E_LEARNER when the claim is lost, E_STORE */
  async put(key: string, body: Uint8Array): Promise<void> {
    const { store, claim } = this.options
    for (;;) {
      // After the look at what is there, and before the write that depends on it.
      if (!claim.held) throw lostClaim()
      const etag = this.etags.get(key)
      try {
        this.etags.set(key, await store.put(key, body, etag === undefined ? { ifAbsent: true } : { ifMatch: etag }))
        return
      } catch (error) {
        // It may have been done although its answer was lost.
        this.etags.delete(key)
        if (!isMillraceError(error, 'E_STORE_PRECONDITION')) throw error
        const found = await store.get(key)
        if (found.kind === 'found') this.etags.set(key, found.etag)
      }
    }
  }
}
