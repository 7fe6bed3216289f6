/** One figure, beside a baseline measured in the same run: these machines are noisy, their ratios less so. */
export interface Row {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly baseline: { readonly name: string; readonly value: number }
  /** How much better than the baseline: above 1 is better, whatever the unit. */
  readonly ratio: number
  /** What keeps the figure from being better. */
  readonly limit: string
}

/** A row whose value is better when it is higher (steps/s). */
export function higherIsBetter(row: Omit<Row, 'ratio'>): Row {
  return { ...row, ratio: row.value / row.baseline.value }
}

/** A row whose value is better when it is lower (ms, ns). */
export function lowerIsBetter(row: Omit<Row, 'ratio'>): Row {
  return { ...row, ratio: row.baseline.value / row.value }
}

/** Median time of a call in ms, after a warm-up; `rounds` samples. */
export async function medianMs(
  call: () => Promise<unknown> | void,
  { warmup, rounds }: { readonly warmup: number; readonly rounds: number },
): Promise<number> {
  for (let i = 0; i < warmup; i++) await call()
  const samples: number[] = []
  for (let i = 0; i < rounds; i++) {
    const from = performance.now()
    await call()
    samples.push(performance.now() - from)
  }
  samples.sort((a, b) => a - b)
  return samples[Math.floor(rounds / 2)] ?? Number.NaN
}
