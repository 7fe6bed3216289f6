import { type ColumnSpec, concatFragments, encodeBatch } from '../../shared/batch/index.ts'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { MillraceError, type Where } from '../../shared/errors.ts'

/**
 * The fragments of an update joined into one batch, in the wire format: what a program can read to repeat the update. Its notes say
 * what it was for, and which fragments are in it, by shard, lease and number.
 */
export function keptBatch(fragments: readonly SampleBatch[], columns: readonly ColumnSpec[], where: Where): Uint8Array {
  const [first] = fragments
  if (!first) throw new MillraceError('E_BATCH_SHAPE', 'an update without fragments')
  const joined = concatFragments(fragments, columns)
  const said = Object.entries(where).map(([name, value]) => [name, String(value)] as const)
  const parts = fragments.map(({ provenance: { shard, lease, sequence } }) => `${shard}/${lease}/${sequence}`)
  return encodeBatch({
    provenance: { ...first.provenance, envSteps: joined.envSteps },
    columns: joined.columns,
    notes: { ...Object.fromEntries(said), fragments: parts.join(' ') },
  })
}
