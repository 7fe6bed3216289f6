/** A box in R^n. `low`/`high` are one number for all elements or one per element; infinities are allowed. */
export interface BoxSpace {
  readonly kind: 'box'
  readonly shape: readonly number[]
  readonly low: number | readonly number[]
  readonly high: number | readonly number[]
  /** What an element is: any number (float32, where it is left out), or a whole number from 0 to 255. */
  readonly dtype?: BoxType
}

export type BoxType = 'float32' | 'uint8'

/** The integers 0 … n-1. */
export interface DiscreteSpace {
  readonly kind: 'discrete'
  readonly n: number
}

/** Several choices at once, the d-th among the integers 0 … nvec[d]-1. Of actions only. */
export interface MultiDiscreteSpace {
  readonly kind: 'multiDiscrete'
  readonly nvec: readonly number[]
}

/** Gymnasium's spaces as plain data, so that they travel in a lease and in a batch's metadata. */
export type Space = BoxSpace | DiscreteSpace | MultiDiscreteSpace

/** Spaces that an observation may be of. */
export type ObservationSpace = BoxSpace | DiscreteSpace

/** How many numbers one element of the space takes: the product of a box's shape, 1 for a discrete index, one for each of several choices. */
export function spaceSize(space: Space): number {
  if (space.kind === 'discrete') return 1
  if (space.kind === 'multiDiscrete') return space.nvec.length
  return space.shape.reduce((size, dimension) => size * dimension, 1)
}

/** Among how many each choice is: one number for a discrete space, none for a box. */
export function choicesOf(space: Space): readonly number[] {
  if (space.kind === 'discrete') return [space.n]
  return space.kind === 'multiDiscrete' ? space.nvec : []
}

/** `Discrete(4)`, `Box([3, 2], -1..1)`, `MultiDiscrete([3, 2])`, `Box([10, 10, 4], 0..1, uint8)`, with per-element bounds shown as their extremes. */
export function describeSpace(space: Space): string {
  if (space.kind === 'discrete') return `Discrete(${space.n})`
  if (space.kind === 'multiDiscrete') return `MultiDiscrete([${space.nvec.join(', ')}])`
  const low = typeof space.low === 'number' ? space.low : space.low.reduce((a, b) => Math.min(a, b), Infinity)
  const high = typeof space.high === 'number' ? space.high : space.high.reduce((a, b) => Math.max(a, b), -Infinity)
  return `Box([${space.shape.join(', ')}], ${low}..${high}${space.dtype === 'uint8' ? ', uint8' : ''})`
}

/** The bounds of a box, one pair an element, rounded to float32 as the values they are compared with are. */
export function boxBounds(space: BoxSpace): { readonly low: Float32Array; readonly high: Float32Array } {
  const size = spaceSize(space)
  const expand = (bound: number | readonly number[]) =>
    typeof bound === 'number' ? new Float32Array(size).fill(bound) : Float32Array.from(bound)
  return { low: expand(space.low), high: expand(space.high) }
}

/** Whether a value is an element of the space: an index of a discrete one (several of a multi-discrete one), as many float32 values as a box has. */
export function contains(space: Space, value: number | ArrayLike<number>): boolean {
  if (space.kind === 'discrete') {
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < space.n
  }
  if (typeof value === 'number' || value.length !== spaceSize(space)) return false
  if (space.kind === 'multiDiscrete')
    return Array.from(value).every((index, d) => Number.isInteger(index) && index >= 0 && index < space.nvec[d]!)
  const { low, high } = boxBounds(space)
  return Array.from(value, Math.fround).every(
    (element, i) => element >= low[i]! && element <= high[i]! && (space.dtype !== 'uint8' || Number.isInteger(element)),
  )
}
