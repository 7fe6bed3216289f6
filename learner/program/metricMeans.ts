/** Means of numbers by name, each over as often as it was given. */
export class MetricMeans {
  private readonly sums = new Map<string, { sum: number; count: number }>()

  add(names: readonly string[], values: ArrayLike<number>): void {
    names.forEach((name, i) => this.addSum(name, values[i] ?? Number.NaN, 1))
  }

  /** Everything that another was given. */
  addAll(other: MetricMeans): void {
    for (const [name, { sum, count }] of other.sums) this.addSum(name, sum, count)
  }

  values(): Record<string, number> {
    return Object.fromEntries([...this.sums].map(([name, { sum, count }]) => [name, sum / count]))
  }

  private addSum(name: string, sum: number, count: number): void {
    const before = this.sums.get(name)
    if (before) {
      before.sum += sum
      before.count += count
    } else this.sums.set(name, { sum, count })
  }
}
