/** A whole number with a comma every three digits. */
export function count(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** A return or another measure: one decimal, none from 100,000 on; "-" before there is one. */
export function measure(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '-'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Math.abs(value) >= 1e15) return value.toExponential(3)
  const rounded = Math.abs(value) >= 1e5 ? value.toFixed(0) : value.toFixed(1)
  return rounded.replace(/\.0$/, '').replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** A rate a second: whole from 10 on, else one decimal. */
export function rate(perSecond: number): string {
  return perSecond >= 10 || perSecond === 0 ? count(perSecond) : perSecond.toFixed(1)
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}

/** US dollars, to a cent from one dollar on and to four decimals under it: a run of seconds costs fractions of a cent. */
export function usd(amount: number): string {
  return amount >= 1 ? `$${amount.toFixed(2).replace(/\B(?=(\d{3})+(?!\d))/g, ',')}` : `$${amount.toFixed(4)}`
}

/** A length of time: `3.2 s`, `2:05`, `1:02:05`. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  const seconds = Math.floor(ms / 1000)
  const two = (n: number) => String(n).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}
