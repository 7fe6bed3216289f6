/** The least and the greatest of some numbers; NaN where one of them is. */
export function rangeOf(data: ArrayLike<number>): { readonly min: number; readonly max: number } {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < data.length; i++) {
    min = Math.min(min, data[i]!)
    max = Math.max(max, data[i]!)
  }
  return { min, max }
}

/** A number for a sentence, three digits at most: 0.5, 12, 1e20. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value) || size === 0 || (size >= 1e-3 && size < 1e6)) return String(Number(value.toPrecision(3)))
  return value.toExponential(2).replace(/\.?0*e\+?/, 'e')
}

/** `-1.5 to 3`; `none` of no numbers. */
export function shownRange(data: ArrayLike<number>): string {
  const { min, max } = rangeOf(data)
  return data.length === 0 ? 'none' : min === max ? short(min) : `${short(min)} to ${short(max)}`
}
