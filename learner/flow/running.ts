import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { Metrics } from './metrics.ts'
import type { PlanNode } from './node.ts'
import { demand } from './operator.ts'
import type { Context, NodeMeasure, PlanEvent, ResourceKey, Scope } from './types.ts'

/** What a step gives that has no item for this one; told apart from every item a user can make. */
export const SKIP: unique symbol = Symbol('skip')
export const DONE = { done: true, value: undefined } as const

type Result = IteratorResult<unknown>

/** Where a node runs: its run, and who wants to know that it waits for another branch of the plan. */
export interface Env {
  readonly metrics: Metrics
  readonly resources: ReadonlyMap<string, unknown>
  /** What everything that is closed rejects with; never leaves the plan. */
  readonly reason: MillraceError
  readonly closeErrors: Set<unknown>
  readonly located: WeakSet<object>
  /** One object a run for what several nodes share. */
  readonly shared: Map<PlanNode, unknown>
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
    demand(declared, `${this.of.operator} does not declare that it uses '${key.name}'`, { code: 'E_PLAN_RESOURCE' })
    return this.env.resources.get(key.name) as R
  }

  wait<V>(promise: Promise<V>, side: 'Up' | 'Down' = 'Up'): Promise<V> {
    this.env.stalled?.()
    return this.abortable(promise, side)
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
    const { name, message, cause } = error instanceof Error ? error : new Error(String(error))
    if (error === reason || located.has(Object(error))) return error
    if (this.signal.aborted && (name === 'AbortError' || cause === reason)) return reason
    const where = { operator: this.of.operator, path: this.node }
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
  /** An input waits for another branch: unless this node listens, so does whoever listens to it. */
  onStall: ((input: number) => void) | undefined
  private readonly nodes: readonly NodeContext[]
  private readonly iterator: AsyncIterator<unknown>
  private pullMs = 0
  private gapMs = 0
  private since = 0
  private working: Promise<Result> | undefined
  private ended = false
  private closing: Promise<void> | undefined

  /** Starts everything upstream, too. */
  constructor(node: PlanNode, env: Env) {
    const nodes = [node]
    while (nodes[0]!.spec.step && nodes[0]!.inputs[0]!.spec.step) nodes.unshift(nodes[0]!.inputs[0]!)
    this.node = node
    this.env = env
    this.inputs = nodes[0]!.inputs
      .filter(({ spec }) => spec.outputs === undefined && spec.kind !== 'atSource')
      .map((input, i) => new Running(input, { ...env, stalled: () => (this.onStall ?? env.stalled)?.(i) }))
    this.nodes = nodes.map((each) => new NodeContext(each, env))
    this.ctx = this.nodes.at(-1)!
    nodes.forEach((each, i) => (each.measure = () => this.measure(i)))
    this.iterator = node.spec.run?.(this) ?? { next: () => this.nextOfSteps() }
  }

  /** The next item, or the end, at which everything upstream is closed already. */
  async pull(): Promise<Result> {
    if (this.ended) return DONE
    const start = performance.now()
    if (this.since > 0) this.gapMs += start - this.since
    try {
      this.working = this.iterator.next()
      const result = await this.working
      if (result.done !== true) {
        if (!this.node.spec.step) this.ctx.itemsOut++
        return result
      }
    } catch (error) {
      throw this.ctx.locate(error)
    } finally {
      this.since = performance.now()
      this.pullMs += this.since - start
    }
    this.ended = true
    await this.close()
    return DONE
  }

  abort(): void {
    if (this.ctx.signal.aborted) return
    for (const part of [...this.nodes, ...this.inputs]) part.abort()
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

  private async nextOfSteps(): Promise<Result> {
    for (;;) {
      const result = await this.inputs[0]!.pull()
      if (result.done === true) return result
      let value: unknown = result.value
      let before = performance.now()
      for (const ctx of this.nodes) {
        ctx.itemsIn++
        try {
          value = ctx.of.spec.step!(value, ctx.scope)
          if (value instanceof Promise) value = await value
        } catch (error) {
          throw ctx.locate(error)
        }
        const after = performance.now()
        ctx.busyMs += after - before
        before = after
        if (value === SKIP) break
        ctx.itemsOut++
      }
      if (value !== SKIP) return { done: false, value }
    }
  }

  /** Of step i, or of the only node. */
  private measure(i: number): NodeMeasure {
    const sum = <V>(all: readonly V[], of: (one: V) => number) => all.reduce((total, one) => total + of(one), 0)
    const busy = (ctx: NodeContext) => ctx.busyMs
    const { itemsIn, itemsOut, busyMs, waitedUpMs, waitedDownMs } = this.nodes[i]!
    const up = sum(this.inputs, (input) => input.pullMs) + sum(this.nodes.slice(0, i), busy) + waitedUpMs
    const waitedDownstreamMs = this.gapMs + sum(this.nodes.slice(i + 1), busy) + waitedDownMs
    if (this.node.spec.step) return { itemsIn, itemsOut, busyMs, waitedUpstreamMs: up, waitedDownstreamMs }
    return {
      itemsIn: this.inputs.length > 0 ? sum(this.inputs, (input) => input.ctx.itemsOut) : itemsOut,
      itemsOut,
      busyMs: Math.max(0, this.pullMs - up - waitedDownMs),
      waitedUpstreamMs: up,
      waitedDownstreamMs,
    }
  }
}
