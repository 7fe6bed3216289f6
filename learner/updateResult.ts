import type { Provenance } from '../shared/batch/sampleBatch.ts'
import type { Clocks } from './clocks.ts'
import type { Spread } from './observer.ts'

/** What one update gave: the item that flows out of a plan. */
export interface UpdateResult extends Clocks {
  readonly policyVersion: number
  readonly metrics: Readonly<Record<string, number>>
  /** Policy lag of the fragments that went in, in versions, when they went in. */
  readonly lag: Spread
  /** Of every fragment that went in. */
  readonly provenances: readonly Provenance[]
  /** The new policy as ONNX, where this update is published. */
  readonly policy: Uint8Array | undefined
}
