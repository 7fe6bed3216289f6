// Typed-array reads use `!`: every index is within the row that is looked at.
import { boxBounds, describeSpace, type BoxSpace } from './space.ts'
import type { Fault } from './outcome.ts'

/**
 * What is in a row before `reset` wrote to it: a NaN of its own kind. Whatever an env computes is another one, so an element
 * that was not written can be told from one that is NaN, and every check against bounds finds either.
 */
export const UNWRITTEN = 0x7fc0dead
const LARGEST_FLOAT32 = 3.4028234663852886e38

/** Checks rows of observations against their space: finite, within its bounds, and whole where it is of uint8. One comparison or two an element. */
export class ObservationCheck {
  private readonly space: BoxSpace
  private readonly size: number
  /** Bounds that finite numbers alone are within; one number where they are the same for all elements. */
  private readonly low: number | Float32Array
  private readonly high: number | Float32Array
  private readonly whole: boolean

  /** @param size numbers of a row */
  constructor(space: BoxSpace, size: number) {
    const { low, high } = boxBounds(space)
    const uniform = typeof space.low === 'number' && typeof space.high === 'number'
    const lows = low.map((bound) => Math.max(bound, -LARGEST_FLOAT32))
    const highs = high.map((bound) => Math.min(bound, LARGEST_FLOAT32))
    this.space = space
    this.size = size
    this.whole = space.dtype === 'uint8'
    this.low = uniform ? lows[0]! : lows
    this.high = uniform ? highs[0]! : highs
  }

  /** @returns the first index from `from` (the first of a row) up to `to` whose value is not allowed, -1 where all are */
  firstWrong(values: Float32Array, from: number, to: number): number {
    const { low, high, size, whole } = this
    if (typeof low === 'number' || typeof high === 'number') {
      const first = whole ? firstNoByte : firstOutside
      return first(values, from, to, Number(low), Number(high))
    }
    for (let row = from; row < to; row += size) {
      for (let j = 0; j < size; j++) {
        const value = values[row + j]!
        if (!(value >= low[j]! && value <= high[j]!) || (whole && !Number.isInteger(value))) return row + j
      }
    }
    return -1
  }

  /** Says what is wrong with the value that `firstWrong` found. */
  fault(values: Float32Array, at: number): Fault {
    const value = values[at]!
    const element = at % this.size
    if (!Number.isFinite(value)) return { what: `gave an observation of ${value} at element ${element}`, todo: FINITE }
    if (this.whole && !Number.isInteger(value))
      return { what: `gave an observation of ${value} at element ${element}`, todo: WHOLE }
    const low = typeof this.low === 'number' ? this.low : this.low[element]!
    const high = typeof this.high === 'number' ? this.high : this.high[element]!
    const here = typeof this.low === 'number' ? '' : ` (${boundOf(low)}..${boundOf(high)} there)`
    return {
      what: `gave an observation of ${value} at element ${element}, outside its space ${describeSpace(this.space)}${here}`,
      todo: 'widen the bounds of observationSpace (infinities are allowed), or keep the value within them',
    }
  }
}

const FINITE = 'every element is a finite number'
const WHOLE = "observationSpace has dtype 'uint8': every element is a whole number from 0 to 255"

/** A bound of Infinity is kept as the largest number below it. */
function boundOf(bound: number): number {
  return Math.abs(bound) >= LARGEST_FLOAT32 ? Math.sign(bound) * Infinity : bound
}

function firstOutside(values: Float32Array, from: number, to: number, low: number, high: number): number {
  for (let i = from; i < to; i++) {
    const value = values[i]!
    if (!(value >= low && value <= high)) return i
  }
  return -1
}

function firstNoByte(values: Float32Array, from: number, to: number, low: number, high: number): number {
  for (let i = from; i < to; i++) {
    const value = values[i]!
    if (!(value >= low && value <= high) || (value | 0) !== value) return i
  }
  return -1
}

/** What is wrong with a row that `reset` wrote `written` of `size` elements of. */
export function unwrittenFault(written: number, size: number, first: number): Fault {
  const what =
    size === 1
      ? 'did not write its observation in reset'
      : `wrote ${written} of the ${size} elements of its observation in reset, element ${first} was not written`
  return {
    what,
    todo: 'reset writes every element into its first parameter (observation[0] = …; zeros where there is nothing to see)',
  }
}
