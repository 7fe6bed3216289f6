// Typed-array reads use `!`: every index is below rows x size, which is checked first.
import { MillraceError } from '../errors.ts'

/** Mean and spread of numbers seen so far, one each for `size` columns: plain data that travels and is saved. */
export interface Moments {
  /** Rows seen. */
  count: number
  readonly mean: Float64Array
  /** Sums of squared distances from the mean; over `count` they are the population's variance. */
  readonly squares: Float64Array
}

export const noMoments = (size: number): Moments => ({
  count: 0,
  mean: new Float64Array(size),
  squares: new Float64Array(size),
})

/**
 * Takes in rows, in place and without allocating (Welford 1962).
 *
 * @param rows [N, size], finite
 * @throws MillraceError E_BATCH_SHAPE if they are no whole rows
 */
export function addRows(moments: Moments, rows: ArrayLike<number>): void {
  const { mean, squares } = moments
  const size = mean.length
  if (rows.length % size !== 0)
    throw new MillraceError('E_BATCH_SHAPE', `${rows.length} numbers are no whole rows of ${size}`)
  for (let from = 0; from < rows.length; from += size) {
    moments.count++
    for (let i = 0; i < size; i++) {
      const apart = rows[from + i]! - mean[i]!
      mean[i]! += apart / moments.count
      squares[i]! += apart * (rows[from + i]! - mean[i]!)
    }
  }
}

/**
 * The moments of two sets of rows together (Chan, Golub and LeVeque 1983, eq. 2.1). Up to rounding it does not matter in which order
 * and groups sets are merged; for equal bits merge them in one order.
 *
 * @throws MillraceError E_BATCH_SHAPE if they are of different columns
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.mean.length !== b.mean.length)
    throw new MillraceError('E_BATCH_SHAPE', `moments of ${a.mean.length} columns do not go with ${b.mean.length}`)
  const count = a.count + b.count
  if (count === 0) return noMoments(a.mean.length)
  const apart = b.mean.map((m, i) => m - a.mean[i]!)
  return {
    count,
    mean: a.mean.map((m, i) => m + (apart[i]! * b.count) / count),
    squares: a.squares.map((s, i) => s + b.squares[i]! + (apart[i]! ** 2 * a.count * b.count) / count),
  }
}

/** The population's variance; 1 while there is nothing to divide by. */
export const varianceOf = ({ count, squares }: Moments): Float64Array =>
  squares.map((sum) => (count === 0 ? 1 : sum / count))
