import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { Channel } from './channel.ts'
import type { Metrics } from './metrics.ts'
import type { PlanNode } from './node.ts'
import { demand } from './operator.ts'
import type { Context, NodeMeasure, ResourceKey, RunOptions } from './types.ts'

/** What a step gives that has no item for this one; told apart from every item a user can make. */
export const SKIP: unique symbol = Symbol('skip')
export const DONE = { done: true, value: undefined } as const

/** What the nodes of a run share, and who wants to know that they wait for another branch of the plan. */
export type Env = ReturnType<typeof freshEnv> & { readonly stalled?: () => void }

export function freshEnv(metrics: Metrics, { resources = [], onEvent = () => {} }: RunOptions) {
  return {
    metrics,
    emit: onEvent,
    resources: new Map(resources.map(({ key, value }) => [key, value])),
    /** What everything that is closed rejects with; never leaves the plan. */
    reason: new MillraceError('E_PLAN_ABORTED', 'this part of the plan was closed'),
    closeErrors: new Set<MillraceError>(),
    located: new WeakSet<MillraceError>(),
    channels: new Map<PlanNode, Channel>(),
  }
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

export type NodeContext = ReturnType<typeof contextOf>

/** The context of an operator, and what the nodes of the core may do beyond it. */
function contextOf(of: PlanNode, env: Env) {
  const { operator, params, definition } = of.spec
  const { reason, located, metrics } = env
  const controller = new AbortController()
  const { signal } = controller
  const tally = { itemsIn: 0, itemsOut: 0, busyMs: 0, upMs: 0, downMs: 0 }

  /** Waits without saying so; rejects when this part of the plan is closed. */
  const abortable = <V>(promise: Promise<V>, side: 'upMs' | 'downMs' = 'upMs') =>
    new Promise<V>((resolve, reject) => {
      const start = performance.now()
      const stop = () => reject(reason)
      const end = () => {
        signal.removeEventListener('abort', stop)
        tally[side] += performance.now() - start
      }
      signal.addEventListener('abort', stop)
      void promise.then(resolve, reject).then(end)
      if (signal.aborted) stop()
    })
  const wait = <V>(promise: Promise<V>, side?: 'upMs' | 'downMs') => (env.stalled?.(), abortable(promise, side))
  const use = <R>(key: ResourceKey<R>) => {
    const declared = definition?.uses?.some(({ name }) => name === key.name) === true
    demand(declared, `${operator} does not declare that it uses '${key.name}'`, { code: 'E_PLAN_RESOURCE' })
    return env.resources.get(key.name) as R
  }
  /** The error with its place in the plan, added once, by the node it came out of first. */
  const locate = (error: unknown): MillraceError => {
    if (error === reason || located.has(error as MillraceError)) return error as MillraceError
    const { name, message, cause } = error instanceof Error ? error : new Error(String(error))
    if (signal.aborted && (name === 'AbortError' || cause === reason)) return reason
    const where = { operator, path: of.path }
    const placed = isMillraceError(error)
      ? new MillraceError(
          error.code,
          message,
          { ...error.where, ...where },
          { cause: error, userStack: error.userStack },
        )
      : new MillraceError('E_OPERATOR', `${operator} failed: ${message}`, where, { cause: error })
    located.add(placed)
    return placed
  }
  /** An error that comes when nobody pulls any more; that it was closed is none. */
  const late = (error: unknown) => {
    const placed = locate(error)
    if (placed !== reason) env.closeErrors.add(placed)
  }
  const abort = () => controller.abort(reason)
  const ctx: Context = { signal, metrics, node: of.path, use, wait }
  const scope = { params: params ?? undefined, state: of.state, ctx }
  return { ...ctx, of, tally, scope, abortable, wait, locate, late, abort }
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
  private working: Promise<IteratorResult<unknown>> | undefined
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
    this.nodes = nodes.map((each) => contextOf(each, env))
    this.ctx = this.nodes.at(-1)!
    nodes.forEach((each, i) => (each.measure = () => this.measure(i)))
    this.iterator = node.spec.run?.(this) ?? { next: () => this.nextOfSteps() }
  }

  /** The next item, or the end, at which everything upstream is closed already. */
  async pull(): Promise<IteratorResult<unknown>> {
    if (this.closing !== undefined) return DONE
    const start = performance.now()
    if (this.since > 0) this.gapMs += start - this.since
    try {
      const result = await (this.working = this.iterator.next())
      if (result.done !== true && !this.node.spec.step) this.ctx.tally.itemsOut++
      if (result.done !== true) return result
    } catch (error) {
      throw this.ctx.locate(error)
    } finally {
      this.since = performance.now()
      this.pullMs += this.since - start
    }
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

  private async nextOfSteps(): Promise<IteratorResult<unknown>> {
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
    const { nodes, inputs, pullMs, gapMs } = this
    const sum = <V>(all: readonly V[], of: (one: V) => number) => all.reduce((total, one) => total + of(one), 0)
    const busy = ({ tally }: NodeContext) => tally.busyMs
    const { itemsIn, itemsOut, busyMs, upMs, downMs } = nodes[i]!.tally
    const waitedUpstreamMs = upMs + sum(inputs, (input) => input.pullMs) + sum(nodes.slice(0, i), busy)
    const waitedDownstreamMs = downMs + gapMs + sum(nodes.slice(i + 1), busy)
    if (this.node.spec.step) return { itemsIn, itemsOut, busyMs, waitedUpstreamMs, waitedDownstreamMs }
    const given = inputs.length === 0 ? itemsOut : sum(inputs, ({ ctx }) => ctx.tally.itemsOut)
    const own = Math.max(0, pullMs - waitedUpstreamMs - downMs)
    return { itemsIn: given, itemsOut, busyMs: own, waitedUpstreamMs, waitedDownstreamMs }
  }
}
