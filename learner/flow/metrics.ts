/** How many of the latest values `recent()` looks at. */
const WINDOW = 128

/** What a series of values looks like as plain data; all zero when nothing was recorded. */
export interface SeriesSnapshot {
  readonly count: number
  readonly total: number
  readonly min: number
  readonly max: number
  /** The latest values, oldest first, at most 128. */
  readonly window: readonly number[]
}

/** Every metric of a plan as plain data, by name; what a checkpoint holds. */
export interface MetricsSnapshot {
  readonly counters: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, SeriesSnapshot>>
  readonly timers: Readonly<Record<string, SeriesSnapshot>>
}

/** A number that only grows. `Unit` is the type of its value, for instance `EnvSteps`. */
export class Counter<Unit extends number = number> {
  private total = 0

  /** @param by at least 0 */
  add(by: Unit): void {
    this.total += by
  }

  get value(): Unit {
    return this.total as Unit
  }
}

/** Values over time: a gauge (policy lag, queue depth) or, in milliseconds, a timer. */
export class Series {
  private count = 0
  private total = 0
  private low = 0
  private high = 0
  private readonly ring = new Float64Array(WINDOW)

  record(value: number): void {
    this.low = this.count === 0 ? value : Math.min(this.low, value)
    this.high = this.count === 0 ? value : Math.max(this.high, value)
    this.ring[this.count % WINDOW] = value
    this.count++
    this.total += value
  }

  /** Runs `work` and records how long it took, in ms, also when it fails. */
  async time<T>(work: () => T | Promise<T>): Promise<T> {
    const start = performance.now()
    try {
      return await work()
    } finally {
      this.record(performance.now() - start)
    }
  }

  /** Over the latest 128 values at most; all zero when there is none. */
  recent(): { readonly last: number; readonly min: number; readonly mean: number; readonly max: number } {
    const values = this.latest()
    const last = values.at(-1)
    if (last === undefined) return { last: 0, min: 0, mean: 0, max: 0 }
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    return { last, min: Math.min(...values), mean, max: Math.max(...values) }
  }

  save(): SeriesSnapshot {
    return { count: this.count, total: this.total, min: this.low, max: this.high, window: this.latest() }
  }

  load(saved: SeriesSnapshot): void {
    this.count = saved.count
    this.total = saved.total
    this.low = saved.min
    this.high = saved.max
    for (let i = 1; i <= saved.window.length; i++) {
      this.ring[(saved.count - i) % WINDOW] = saved.window[saved.window.length - i] ?? 0
    }
  }

  private latest(): number[] {
    const kept = Math.min(this.count, WINDOW)
    return Array.from({ length: kept }, (_, i) => this.ring[(this.count - kept + i) % WINDOW] ?? 0)
  }
}

/** The metrics of one plan: every node of it, in every branch, writes to the same ones; two plans share nothing. */
export class Metrics {
  private readonly counters = new Map<string, Counter>()
  private readonly gauges = new Map<string, Series>()
  private readonly timers = new Map<string, Series>()

  /** The counter of this name, made at 0 when first asked for. */
  counter<Unit extends number = number>(name: string): Counter<Unit> {
    return obtain(this.counters, name, () => new Counter()) as Counter<Unit>
  }

  gauge(name: string): Series {
    return obtain(this.gauges, name, () => new Series())
  }

  /** A series in milliseconds. */
  timer(name: string): Series {
    return obtain(this.timers, name, () => new Series())
  }

  save(): MetricsSnapshot {
    const plain = <M, S>(metrics: Map<string, M>, save: (metric: M) => S) =>
      Object.fromEntries(Array.from(metrics, ([name, metric]) => [name, save(metric)]))
    const series = (metric: Series) => metric.save()
    return {
      counters: plain(this.counters, (counter) => counter.value),
      gauges: plain(this.gauges, series),
      timers: plain(this.timers, series),
    }
  }

  /** Takes the saved values in place of its own; counters handed out before stay valid. */
  load(saved: MetricsSnapshot): void {
    for (const [name, value] of Object.entries(saved.counters)) {
      const counter = this.counter(name)
      counter.add(value - counter.value)
    }
    for (const [name, values] of Object.entries(saved.gauges)) this.gauge(name).load(values)
    for (const [name, values] of Object.entries(saved.timers)) this.timer(name).load(values)
  }
}

function obtain<M>(metrics: Map<string, M>, name: string, make: () => M): M {
  let metric = metrics.get(name)
  if (metric === undefined) metrics.set(name, (metric = make()))
  return metric
}
