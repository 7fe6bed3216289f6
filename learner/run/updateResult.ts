import type { Provenance } from '../../shared/batch/sampleBatch.ts'
import type { Clocks } from './clocks.ts'
import type { Spread } from './observer.ts'

/** What one update gave: the item that flows out of a plan. */
export interface UpdateResult extends Clocks {
  readonly policyVersion: number
  /** Mean return of the last 100 episodes when it was made, null before the first; the plan may be further when it is read. */
  readonly meanReturn: number | null
  /** Episodes finished until then. */
  readonly episodes: number
  readonly metrics: Readonly<Record<string, number>>
  /** Policy lag of the fragments that went in, in versions, when they went in. */
  readonly lag: Spread
  /** Of every fragment that went in. */
  readonly provenances: readonly Provenance[]
  /** The new policy as ONNX, where this update is published. */
  readonly policy: Uint8Array | undefined
}
