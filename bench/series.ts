export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export function coefficientOfVariation(values: readonly number[]): number {
  const centre = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2))) / centre
}

/** How much a series of evenly spaced values changes from its first to its last, by the least-squares line through all of them. */
export function changeOver(values: readonly number[]): number {
  const [centre, average] = [(values.length - 1) / 2, mean(values)]
  const up = values.reduce((sum, value, i) => sum + (i - centre) * (value - average), 0)
  const across = values.reduce((sum, _, i) => sum + (i - centre) ** 2, 0)
  return (up / across) * (values.length - 1)
}
