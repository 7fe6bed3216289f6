import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { Metrics } from './metrics.ts'
import type { PlanNode } from './node.ts'
import { demand } from './operator.ts'
import type { Context, NodeMeasure, PlanEvent, ResourceKey, Scope } from './types.ts'

/** The end of a stream, and no item from this one. Both are told apart from every item a user can make. */
export const END: unique symbol = Symbol('end')
export const SKIP: unique symbol = Symbol('skip')
export const DONE = { done: true, value: undefined } as const

/** Where a node runs: its run, and who wants to know that it waits for another branch of the plan. */
export interface Env {
  readonly metrics: Metrics
  readonly resources: ReadonlyMap<string, unknown>
  /** What everything that is closed rejects with; never leaves the plan. */
  readonly reason: MillraceError
  readonly closeErrors: Set<unknown>
  readonly located: WeakSet<object>
  /** One object a run for what several nodes share. */
  readonly shared: Map<object, unknown>
  readonly emit: (event: PlanEvent) => void
  readonly stalled?: (() => void) | undefined
}

/** Many wait, one opens: event-driven, without timers, and nothing is kept once it is open. */
export class Gate {
  private waiting: Promise<void> | undefined
  private release: (() => void) | undefined

  wait(): Promise<void> {
    return (this.waiting ??= new Promise((resolve) => (this.release = resolve)))
  }

  open(): void {
    this.release?.()
    this.waiting = this.release = undefined
  }
}

/** The context of an operator, and what the nodes of the core may do beyond it. */
export class NodeContext implements Context {
  readonly of: PlanNode
  readonly node: string
  readonly metrics: Metrics
  readonly scope: Scope<unknown, unknown>
  itemsIn = 0
  itemsOut = 0
  busyMs = 0
  waitedUpMs = 0
  waitedDownMs = 0
  private readonly env: Env
  private readonly controller = new AbortController()

  constructor(of: PlanNode, env: Env) {
    this.of = of
    this.env = env
    this.node = of.path
    this.metrics = env.metrics
    this.scope = { params: of.spec.params ?? undefined, state: of.state, ctx: this }
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  use<R>(key: ResourceKey<R>): R {
    const declared = this.of.uses.some(({ name }) => name === key.name)
    demand(declared, `${this.of.spec.operator} does not declare that it uses '${key.name}'`, {
      code: 'E_PLAN_RESOURCE',
    })
    return this.env.resources.get(key.name) as R
  }

  async wait<V>(promise: Promise<V>, side: 'Up' | 'Down' = 'Up'): Promise<V> {
    this.env.stalled?.()
    return await this.abortable(promise, side)
  }

  /** Waits without saying so; rejects when this part of the plan is closed, and leaves nothing behind at a promise that lives on. */
  async abortable<V>(promise: Promise<V>, side: 'Up' | 'Down' = 'Up'): Promise<V> {
    const start = performance.now()
    try {
      return await new Promise<V>((resolve, reject) => {
        const stop = () => reject(this.env.reason)
        this.signal.addEventListener('abort', stop)
        void promise.then(resolve, reject).then(() => this.signal.removeEventListener('abort', stop))
        if (this.signal.aborted) stop()
      })
    } finally {
      this[`waited${side}Ms`] += performance.now() - start
    }
  }

  /** An error that comes when nobody pulls any more; that it was closed is none. */
  late(error: unknown): void {
    const located = this.locate(error)
    if (located !== this.env.reason) this.env.closeErrors.add(located)
  }

  /** The error with its place in the plan, added once, by the node it came out of first. */
  locate(error: unknown): unknown {
    const { reason, located } = this.env
    const { name, message, cause } = error instanceof Error ? error : new Error(String(error), { cause: error })
    if (error === reason || (error instanceof Error && located.has(error))) return error
    if (this.signal.aborted && (name === 'AbortError' || cause === reason)) return reason
    const where = { operator: this.of.spec.operator, path: this.node }
    const placed = isMillraceError(error)
      ? new MillraceError(error.code, message, { ...error.where, ...where }, { cause: error })
      : new MillraceError('E_OPERATOR', `${where.operator} failed: ${message}`, where, { cause: error })
    located.add(placed)
    return placed
  }

  abort(): void {
    this.controller.abort(this.env.reason)
  }
}

/**
 * A running node, or several steps as one loop. One pull at a time; closing is `abort` (synchronous: it reaches every source first) and then
 * `close`, which waits until nothing of it runs. It measures itself with two readings of the clock a pull and one a step.
 */
export class Running {
  readonly node: PlanNode
  readonly env: Env
  readonly ctx: NodeContext
  readonly inputs: readonly Running[]
  items = 0
  pullMs = 0
  /** Between delivering an item and the next pull. */
  gapMs = 0
  /** An input waits for another branch: unless this node listens, so does whoever listens to it. */
  onStall: ((input: number) => void) | undefined
  private readonly steps: readonly NodeContext[]
  private readonly iterator: AsyncIterator<unknown>
  private working: unknown
  private since = 0
  private ended = false
  private closing: Promise<void> | undefined

  /** Starts everything upstream, too. */
  constructor(node: PlanNode, env: Env) {
    const nodes: PlanNode[] = []
    for (let head = node; head.spec.step !== undefined; head = head.inputs[0]!) nodes.unshift(head)
    const first = nodes[0] ?? node
    this.node = node
    this.env = env
    this.inputs = first.inputs
      .filter(({ spec }) => spec.run ?? spec.step)
      .map((input, i) => new Running(input, { ...env, stalled: () => (this.onStall ?? env.stalled)?.(i) }))
    this.steps = nodes.map((step) => new NodeContext(step, env))
    this.ctx = this.steps.at(-1) ?? new NodeContext(node, env)
    this.steps.forEach((step, i) => (step.of.measure = () => this.measureStep(i)))
    if (this.steps.length === 0) node.measure = () => this.measure()
    this.iterator = node.spec.run?.(this) ?? { next: () => this.nextOfSteps() }
  }

  /** The next item, or END, at which everything upstream is closed already. */
  async pull(): Promise<unknown> {
    if (this.ended) return END
    const start = performance.now()
    if (this.since > 0) this.gapMs += start - this.since
    try {
      const working = this.iterator.next()
      this.working = working
      const result = await working
      if (result.done !== true) {
        this.items++
        return result.value
      }
    } catch (error) {
      throw this.ctx.locate(error)
    } finally {
      this.since = performance.now()
      this.pullMs += this.since - start
    }
    this.ended = true
    await this.close()
    return END
  }

  abort(): void {
    if (this.ctx.signal.aborted) return
    for (const ctx of [this.ctx, ...this.steps]) ctx.abort()
    for (const input of this.inputs) input.abort()
  }

  close(): Promise<void> {
    this.abort()
    return (this.closing ??= this.shut())
  }

  private async shut(): Promise<void> {
    const returned = (async () => this.iterator.return?.())().catch((error: unknown) => this.ctx.late(error))
    await Promise.allSettled([returned, this.working]) // whoever pulled has the error of the latter
    await Promise.all(this.inputs.map((input) => input.close()))
  }

  private async nextOfSteps(): Promise<IteratorResult<unknown>> {
    for (;;) {
      let value = await this.inputs[0]!.pull()
      if (value === END) return DONE
      let before = performance.now()
      for (const step of this.steps) {
        step.itemsIn++
        try {
          value = step.of.spec.step!(value, step.scope)
          if (value instanceof Promise) value = await value
        } catch (error) {
          throw step.locate(error)
        }
        const after = performance.now()
        step.busyMs += after - before
        before = after
        if (value === SKIP) break
        step.itemsOut++
      }
      if (value !== SKIP) return { done: false, value }
    }
  }

  private measure(): NodeMeasure {
    const sum = (of: 'items' | 'pullMs') => this.inputs.reduce((total, input) => total + input[of], 0)
    const waitedUpstreamMs = sum('pullMs') + this.ctx.waitedUpMs
    return {
      itemsIn: this.inputs.length > 0 ? sum('items') : this.items,
      itemsOut: this.items,
      busyMs: Math.max(0, this.pullMs - waitedUpstreamMs - this.ctx.waitedDownMs),
      waitedUpstreamMs,
      waitedDownstreamMs: this.gapMs + this.ctx.waitedDownMs,
    }
  }

  private measureStep(i: number): NodeMeasure {
    const busy = (steps: readonly NodeContext[]) => steps.reduce((sum, { busyMs }) => sum + busyMs, 0)
    const { itemsIn, itemsOut, busyMs } = this.steps[i]!
    const waitedUpstreamMs = this.inputs[0]!.pullMs + busy(this.steps.slice(0, i))
    return {
      itemsIn,
      itemsOut,
      busyMs,
      waitedUpstreamMs,
      waitedDownstreamMs: this.gapMs + busy(this.steps.slice(i + 1)),
    }
  }
}
