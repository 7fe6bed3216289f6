import type { Clocks } from './clocks.ts'
import type { Provenance } from '../shared/batch/sampleBatch.ts'

/** What one train step gave: the item that flows out of a plan. */
export interface UpdateResult extends Clocks {
  readonly policyVersion: number
  readonly metrics: Readonly<Record<string, number>>
  /** Of every fragment that went in: who must see the new policy, and how old the data was. */
  readonly provenances: readonly Provenance[]
}
