import { MillraceError } from '../errors.ts'
import type { Random } from '../random.ts'

/** What a draw takes: a stream of the actions, and of nothing else. */
export type ActionRandom = Pick<Random, 'uniform' | 'normal'>

/** Draws for a whole batch without allocating: the functions' side of a head. `D` holds whole numbers or float32. */
export interface ActionSampler<D extends Int32Array | Float32Array> {
  /**
   * Draws for every row.
   *
   * @param params [B, P] float32, what the policy's model gives
   * @param drawn [B, ...], written
   * @param logProbs [B], written: the log-probability (density, for numbers) of what was drawn
   * @throws MillraceError E_POLICY_MODEL if the parameters describe no distribution, or sizes do not fit
   */
  sample(params: Float32Array, drawn: D, logProbs: Float32Array): void
  /** The draw of a greedy policy, with the log-probability that the distribution gives it. */
  greedy(params: Float32Array, drawn: D, logProbs: Float32Array): void
}

/** @throws MillraceError E_POLICY_MODEL unless there are `perRow` parameters and `drawnPerRow` draws for each log-probability */
export function checkRows(
  buffers: { readonly params: Float32Array; readonly drawn: ArrayLike<number>; readonly logProbs: Float32Array },
  perRow: number,
  drawnPerRow: number,
): void {
  const rows = buffers.logProbs.length
  if (buffers.params.length === rows * perRow && buffers.drawn.length === rows * drawnPerRow) return
  throw new MillraceError(
    'E_POLICY_MODEL',
    `the sampler got ${buffers.params.length} parameters and ${buffers.drawn.length} places for ${rows} rows, with ${perRow} and ${drawnPerRow} a row`,
  )
}

/** E_POLICY_MODEL that names the row and shows its first parameters. */
export function notADistribution(params: Float32Array, row: number, perRow: number): MillraceError {
  const shown = Array.from(params.subarray(row * perRow, Math.min(row * perRow + 8, (row + 1) * perRow))).join(', ')
  return new MillraceError(
    'E_POLICY_MODEL',
    `the policy gave numbers that are not a distribution in row ${row}: ${shown}`,
    { row },
  )
}
