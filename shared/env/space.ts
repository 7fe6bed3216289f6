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
