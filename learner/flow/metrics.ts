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

  /** Runs `work` and records how long it took, in ms, also when it fails. */
  async time<T>(work: () => T | Promise<T>): Promise<T> {
    const start = performance.now()
    try {
      return await work()
    } finally {
      this.record(performance.now() - start)
    }
  }
}

/** Every metric of a plan as plain data, by name. */
export type MetricsSnapshot = ReturnType<Metrics['save']>

/** The metrics of one plan: its nodes, in every branch, write to the same ones; two plans share nothing. */
export class Metrics {
  private readonly all = {
    counters: new Map<string, Counter>(),
    gauges: new Map<string, Series>(),
    timers: new Map<string, Series>(),
  }

  /** The counter of this name, made at 0 when first asked for. */
  counter<Unit extends number = number>(name: string): Counter<Unit> {
    return obtain(this.all.counters, name, Counter) as Counter<Unit>
  }

  gauge(name: string): Series {
    return obtain(this.all.gauges, name, Series)
  }

  /** A series in milliseconds. */
  timer(name: string): Series {
    return obtain(this.all.timers, name, Series)
  }

  save() {
    const values = <V>(metrics: Map<string, { value: V }>): Readonly<Record<string, V>> =>
      Object.fromEntries(Array.from(metrics, ([name, { value }]) => [name, value]))
    return { counters: values(this.all.counters), gauges: values(this.all.gauges), timers: values(this.all.timers) }
  }

  /** Takes the saved values in place of its own; what was handed out before stays valid. */
  load(saved: MetricsSnapshot): void {
    for (const [name, value] of Object.entries(saved.counters)) this.counter(name).value = value
    for (const [name, value] of Object.entries(saved.gauges)) this.gauge(name).value = { ...value }
    for (const [name, value] of Object.entries(saved.timers)) this.timer(name).value = { ...value }
  }
}

function obtain<M>(metrics: Map<string, M>, name: string, Kind: new () => M): M {
  const metric = metrics.get(name) ?? new Kind()
  metrics.set(name, metric)
  return metric
}
