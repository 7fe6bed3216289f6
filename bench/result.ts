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
  return (await mediansInTurn([call], { warmup, rounds }))[0] ?? Number.NaN
}

/** As `medianMs` for several calls, one after another in every round: what disturbs the machine disturbs them all. */
export async function mediansInTurn(
  calls: readonly (() => Promise<unknown> | void)[],
  { warmup, rounds }: { readonly warmup: number; readonly rounds: number },
): Promise<number[]> {
  const samples = calls.map((): number[] => [])
  for (let i = 0; i < warmup + rounds; i++) {
    for (const [at, call] of calls.entries()) {
      const from = performance.now()
      await call()
      if (i >= warmup) samples[at]?.push(performance.now() - from)
    }
  }
  return samples.map((own) => own.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN)
}
