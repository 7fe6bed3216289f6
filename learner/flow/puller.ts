import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { Metrics } from './metrics.ts'
import type { PlanNode } from './node.ts'
import type { Context, NodeMeasure, PlanEvent } from './types.ts'

/** The end of a stream, and no item from this input. Both are told apart from every item a user can make. */
export const END: unique symbol = Symbol('end')
export const SKIP: unique symbol = Symbol('skip')

/** An item, END, or a promise of either: what is at hand is handed over without waiting. */
export type Pulled = unknown

/** Something waits: for a queue or buffer of this plan, for what an operator declared, or for a source. */
export interface Stall {
  readonly kind: 'queue' | 'declared' | 'source'
  readonly reason: string
  /** False from the moment that what is waited for may have come. */
  live(): boolean
}

/** Where a puller lives: its run, and who wants to know that it waits. */
export interface Env {
  readonly run: RunState
  readonly stalled?: ((stall: Stall) => void) | undefined
  /** The puller of a node upstream; a part of the plan that needs to know when that waits gives its own `stalled`. */
  pull(node: PlanNode, stalled?: (stall: Stall) => void): Puller
  /** One object a run for whatever several nodes share. */
  shared<T>(key: object, make: () => T): T
}

export interface RunState {
  readonly metrics: Metrics
  /** What everything that is closed rejects with; never leaves the plan. */
  readonly reason: MillraceError
  readonly closeErrors: unknown[]
  readonly located: WeakSet<object>
  emit(event: PlanEvent): void
  context(node: PlanNode, env: Env): Context & { abort(): void }
}

/** Many wait, one opens: event-driven, without timers, and nothing is kept once it is open. */
export class Gate {
  private opening: Promise<void> | undefined
  private release: (() => void) | undefined
  private generation = 0

  wait(): Promise<void> {
    return (this.opening ??= new Promise((resolve) => (this.release = resolve)))
  }

  open(): void {
    this.generation++
    this.release?.()
    this.opening = this.release = undefined
  }

  stall(kind: Stall['kind'], reason: string): Stall {
    const at = this.generation
    return { kind, reason, live: () => this.generation === at }
  }
}

/**
 * A running node. One pull at a time; closing is `abort` (synchronous, reaches every source first) and then `close`, which
 * waits until nothing of it runs. It measures itself with two readings of the clock a pull.
 */
export abstract class Puller {
  readonly node: PlanNode
  items = 0
  /** Inside `pull`, and between delivering an item and the next pull. */
  pullMs = 0
  gapMs = 0
  protected waitedUpMs = 0
  protected waitedDownMs = 0
  protected readonly env: Env
  protected readonly inputs: readonly Puller[]
  protected aborted = false
  private since = 0
  private closing: Promise<void> | undefined

  constructor(node: PlanNode, env: Env, inputs: readonly Puller[] = []) {
    this.node = node
    this.env = env
    this.inputs = inputs
    node.measure = () => this.measure()
  }

  pull(): Pulled {
    const now = performance.now()
    if (this.since > 0) this.gapMs += now - this.since
    this.since = now
    let pulled: Pulled
    try {
      pulled = this.next()
    } catch (error) {
      throw this.locate(error)
    }
    return pulled instanceof Promise ? pulled.then(this.delivered, this.failed) : this.delivered(pulled)
  }

  abort(): void {
    if (this.aborted) return
    this.aborted = true
    this.onAbort()
    for (const input of this.inputs) input.abort()
  }

  close(): Promise<void> {
    this.abort()
    return (this.closing ??= this.shut())
  }

  protected abstract next(): Pulled
  protected onAbort(): void {}
  protected async onClose(): Promise<void> {}

  protected measure(): NodeMeasure {
    const waitedUpstreamMs = this.inputs.reduce((sum, input) => sum + input.pullMs, this.waitedUpMs)
    return {
      itemsIn: this.inputs.reduce((sum, input) => sum + input.items, 0),
      itemsOut: this.items,
      busyMs: Math.max(0, this.pullMs - waitedUpstreamMs - this.waitedDownMs),
      waitedUpstreamMs,
      waitedDownstreamMs: this.gapMs + this.waitedDownMs,
    }
  }

  /** Waits for a gate and says why; rejects when this part of the plan is closed. */
  protected async wait(gate: Gate, stall?: Stall): Promise<void> {
    if (this.aborted) throw this.env.run.reason
    const start = performance.now()
    if (stall?.live() === true) this.env.stalled?.(stall)
    await gate.wait()
    this.waitedUpMs += performance.now() - start
    if (this.aborted) throw this.env.run.reason
  }

  protected locate(error: unknown, node = this.node): unknown {
    return locate(error, node, { run: this.env.run, aborted: this.aborted })
  }

  private readonly delivered = (pulled: Pulled): Pulled => {
    const now = performance.now()
    this.pullMs += now - this.since
    this.since = now
    if (pulled === END) return this.close().then(() => END)
    this.items++
    return pulled
  }

  private readonly failed = (error: unknown): never => {
    this.pullMs += performance.now() - this.since
    throw this.locate(error)
  }

  private async shut(): Promise<void> {
    try {
      await this.onClose()
    } catch (error) {
      const located = this.locate(error)
      if (located !== this.env.run.reason) this.env.run.closeErrors.push(located)
    }
    await Promise.all(this.inputs.map((input) => input.close()))
  }
}

/** The error with its place in the plan, added once, by the node it came out of first. */
export function locate(error: unknown, node: PlanNode, { run, aborted }: { run: RunState; aborted: boolean }): unknown {
  if (error === run.reason || (error instanceof Error && run.located.has(error))) return error
  if (aborted && error instanceof Error && (error.name === 'AbortError' || error.cause === run.reason))
    return run.reason
  const place = { operator: node.operator, path: node.path }
  const located = isMillraceError(error)
    ? new MillraceError(error.code, error.message, { ...error.where, ...place }, { cause: error })
    : new MillraceError('E_OPERATOR', `${node.operator} failed: ${sentence(error)}`, place, { cause: error })
  run.located.add(located)
  return located
}

const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error))
