/** A number that only grows. `Unit` is the type of its value, for instance `EnvSteps`. */
export class Counter<Unit extends number = number> {
  value = 0 as Unit

  /** @param by at least 0 */
  add(by: Unit): void {
    this.value = (this.value + by) as Unit
  }
}

/** Values over time: a gauge (policy lag, queue depth) or, in milliseconds, a timer. All zero before the first. */
export class Series {
  value = { count: 0, total: 0, min: 0, max: 0, last: 0 }

  get mean(): number {
    return this.value.total / Math.max(1, this.value.count)
  }

  record(last: number): void {
    const { count, total, min, max } = this.value
    const [low, high] = count === 0 ? [last, last] : [Math.min(min, last), Math.max(max, last)]
    this.value = { count: count + 1, total: total + last, min: low, max: high, last }
  }
}

/** Every metric of a plan as plain data, by name. */
export type MetricsSnapshot = ReturnType<Metrics['save']>

/** The metrics of one plan: its nodes, in every branch, write to the same ones; two plans share nothing. */
export class Metrics {
  private readonly counters: Record<string, Counter> = {}
  private readonly gauges: Record<string, Series> = {}
  private readonly timers: Record<string, Series> = {}

  /** The counter of this name, made at 0 when first asked for. */
  counter<Unit extends number = number>(name: string): Counter<Unit> {
    return (this.counters[name] ??= new Counter()) as Counter<Unit>
  }

  gauge(name: string): Series {
    return (this.gauges[name] ??= new Series())
  }

  /** A series in milliseconds. */
  timer(name: string): Series {
    return (this.timers[name] ??= new Series())
  }

  save() {
    return { counters: values(this.counters), gauges: values(this.gauges), timers: values(this.timers) }
  }

  /** Takes the saved values in place of its own; what was handed out before stays valid. */
  load({ counters, gauges, timers }: MetricsSnapshot): void {
    for (const [name, value] of Object.entries(counters)) this.counter(name).value = value
    for (const [name, value] of Object.entries(gauges)) this.gauge(name).value = { ...value }
    for (const [name, value] of Object.entries(timers)) this.timer(name).value = { ...value }
  }
}

const values = <V>(metrics: Readonly<Record<string, { value: V }>>): Readonly<Record<string, V>> =>
  Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value]))
