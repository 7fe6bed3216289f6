import { MillraceError } from '../errors.ts'

/** A box in R^n. `low`/`high` are one number for all elements or one per element; infinities are allowed. */
export interface BoxSpace {
  readonly kind: 'box'
  readonly shape: readonly number[]
  readonly low: number | readonly number[]
  readonly high: number | readonly number[]
}

/** The integers 0 … n-1. */
export interface DiscreteSpace {
  readonly kind: 'discrete'
  readonly n: number
}

/** Gymnasium's spaces as plain data, so that they travel in a lease and in a batch's metadata. */
export type Space = BoxSpace | DiscreteSpace

/** How many numbers one element of the space takes: the product of a box's shape, 1 for a discrete index. */
export function spaceSize(space: Space): number {
  return space.kind === 'discrete' ? 1 : space.shape.reduce((size, dimension) => size * dimension, 1)
}

/** `Discrete(4)`, `Box([3, 2], -1..1)`, with per-element bounds shown as their extremes. */
export function describeSpace(space: Space): string {
  if (space.kind === 'discrete') return `Discrete(${space.n})`
  const low = typeof space.low === 'number' ? space.low : Math.min(...space.low)
  const high = typeof space.high === 'number' ? space.high : Math.max(...space.high)
  return `Box([${space.shape.join(', ')}], ${low}..${high})`
}

/** The bounds of a box, one pair an element, rounded to float32 as the values they are compared with are. */
export function boxBounds(space: BoxSpace): { readonly low: Float32Array; readonly high: Float32Array } {
  const size = spaceSize(space)
  const expand = (bound: number | readonly number[]) =>
    typeof bound === 'number' ? new Float32Array(size).fill(bound) : Float32Array.from(bound)
  return { low: expand(space.low), high: expand(space.high) }
}

/** Whether a value is an element of the space: an index of a discrete one, as many float32 values as a box has. */
export function contains(space: Space, value: number | ArrayLike<number>): boolean {
  if (space.kind === 'discrete') {
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < space.n
  }
  if (typeof value === 'number' || value.length !== spaceSize(space)) return false
  const { low, high } = boxBounds(space)
  return Array.from(value).every((element, i) => Math.fround(element) >= low[i]! && Math.fround(element) <= high[i]!)
}

/**
 * @param what whose space it is, for the message: `the action space of CartPole-v1`
 * @throws MillraceError E_ENV_SPACE saying what is malformed
 */
export function validateSpace(space: Space, what: string): void {
  const refuse = (why: string) => new MillraceError('E_ENV_SPACE', `${what} is malformed: ${why}`, { space: what })
  if (space?.kind === 'discrete') {
    if (!Number.isInteger(space.n) || space.n < 1) throw refuse(`n is ${space.n}, expected an integer >= 1`)
    return
  }
  if (space?.kind !== 'box') throw refuse(`expected kind 'box' or 'discrete', got ${JSON.stringify(space)}`)
  if (!Array.isArray(space.shape) || !space.shape.every((n) => Number.isInteger(n) && n >= 1)) {
    throw refuse(`shape is ${JSON.stringify(space.shape)}, expected integers >= 1`)
  }
  const size = spaceSize(space)
  for (const name of ['low', 'high'] as const) {
    const bound = space[name]
    if (typeof bound !== 'number' && bound.length !== size) {
      throw refuse(`${name} has ${bound.length} values, expected one number or ${size}`)
    }
  }
  const { low, high } = boxBounds(space)
  const wrong = low.findIndex((value, i) => !(value <= high[i]!))
  if (wrong >= 0) throw refuse(`element ${wrong} has low ${low[wrong]} and high ${high[wrong]}`)
}
