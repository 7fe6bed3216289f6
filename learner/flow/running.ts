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
  readonly tally = { itemsIn: 0, itemsOut: 0, busyMs: 0, upMs: 0, downMs: 0 }
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
    const declared = this.of.spec.definition?.uses?.some(({ name }) => name === key.name) === true
    demand(declared, `${this.of.spec.operator} does not declare that it uses '${key.name}'`, {
      code: 'E_PLAN_RESOURCE',
    })
    return this.env.resources.get(key.name) as R
  }

  wait<V>(promise: Promise<V>, side: 'upMs' | 'downMs' = 'upMs'): Promise<V> {
    this.env.stalled?.()
    return this.abortable(promise, side)
  }

  /** Waits without saying so; rejects when this part of the plan is closed, and leaves nothing behind at a promise that lives on. */
  async abortable<V>(promise: Promise<V>, side: 'upMs' | 'downMs' = 'upMs'): Promise<V> {
    const start = performance.now()
    try {
      return await new Promise<V>((resolve, reject) => {
        const stop = () => reject(this.env.reason)
        this.signal.addEventListener('abort', stop)
        void promise.then(resolve, reject).then(() => this.signal.removeEventListener('abort', stop))
        if (this.signal.aborted) stop()
      })
    } finally {
      this.tally[side] += performance.now() - start
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
      .filter(({ spec }) => spec.step ?? (spec.run && spec.outputs === undefined))
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
        if (!this.node.spec.step) this.ctx.tally.itemsOut++
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
        const { tally } = ctx
        tally.itemsIn++
        try {
          value = ctx.of.spec.step!(value, ctx.scope)
          if (value instanceof Promise) value = await value
        } catch (error) {
          throw ctx.locate(error)
        }
        const after = performance.now()
        tally.busyMs += after - before
        before = after
        if (value === SKIP) break
        tally.itemsOut++
      }
      if (value !== SKIP) return { done: false, value }
    }
  }

  /** Of step i, or of the only node. */
  private measure(i: number): NodeMeasure {
    const sum = (steps: readonly NodeContext[]) => steps.reduce((total, { tally }) => total + tally.busyMs, 0)
    const { itemsIn, itemsOut, busyMs, upMs, downMs } = this.nodes[i]!.tally
    const step = this.node.spec.step !== undefined
    const given = this.inputs.reduce((total, { ctx }) => total + ctx.tally.itemsOut, 0)
    const waitedUpstreamMs =
      this.inputs.reduce((total, { pullMs }) => total + pullMs, upMs) + sum(this.nodes.slice(0, i))
    return {
      itemsIn: step ? itemsIn : this.inputs.length > 0 ? given : itemsOut,
      itemsOut,
      busyMs: step ? busyMs : Math.max(0, this.pullMs - waitedUpstreamMs - downMs),
      waitedUpstreamMs,
      waitedDownstreamMs: this.gapMs + downMs + sum(this.nodes.slice(i + 1)),
    }
  }
}
