import { type AnyDefinition, scopeOf } from './operator.ts'
import type { NodeSpec, PlanNode } from './node.ts'
import { END, Gate, Puller } from './puller.ts'
import type { Env, Pulled } from './puller.ts'
import type { Context } from './types.ts'

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>
type Open = (ctx: Context, node: PlanNode) => AnyIterator

/** Microtasks that a source which has an item at hand may take before a '*' branch counts as not ready. */
const PROMPT = 8

/** Pulls an iterator. An item that arrives after the source was closed is kept in its state, and comes first in the next run. */
class Source extends Puller {
  private readonly ctx: Context & { abort(): void }
  private readonly state: { late: unknown[] }
  private readonly open: Open
  private readonly arrived = new Gate()
  private iterator: AnyIterator | undefined
  private pending: Promise<void> | undefined
  private reject: ((reason: unknown) => void) | undefined

  constructor(node: PlanNode, env: Env, open: Open) {
    super(node, env)
    this.open = open
    this.ctx = env.run.context(node, env)
    this.state = node.state as { late: unknown[] }
  }

  protected next(): Pulled {
    if (this.aborted) throw this.env.run.reason
    if (this.state.late.length > 0) return this.state.late.shift()
    this.iterator ??= this.open(this.ctx, this.node)
    const result = this.iterator.next()
    if (!(result instanceof Promise)) return read(result as IteratorResult<unknown>)
    if (this.env.stalled !== undefined) void this.watch()
    // Rejected by hand when closed, because the iterator's own promise may be long in coming.
    return new Promise((resolve, reject) => {
      this.reject = reject
      this.pending = result.then(
        (arrived) => {
          this.settle()
          const item = read(arrived)
          if (this.aborted && item !== END) this.state.late.push(item)
          resolve(item)
        },
        (error: unknown) => {
          this.settle()
          if (this.aborted && this.locate(error) !== this.env.run.reason)
            this.env.run.closeErrors.push(this.locate(error))
          reject(error)
        },
      )
    })
  }

  protected override onAbort(): void {
    this.ctx.abort()
    this.reject?.(this.env.run.reason)
  }

  protected override async onClose(): Promise<void> {
    const returned = this.iterator?.return?.()
    await this.pending
    await returned
  }

  private settle(): void {
    this.reject = this.pending = undefined
    this.arrived.open()
  }

  private async watch(): Promise<void> {
    const stall = this.arrived.stall('source', `${this.node.path} has no item yet`)
    for (let i = 0; i < PROMPT && stall.live(); i++) await undefined
    if (stall.live()) this.env.stalled?.(stall)
  }

  protected override measure() {
    return { ...super.measure(), itemsIn: this.items }
  }
}

const read = (result: IteratorResult<unknown>) => (result.done === true ? END : result.value)

const LATE = { state: () => ({ late: [] }) }

/** A source from an iterable, or from a function that opens one. */
export function iterableSource(name: string, from: unknown): NodeSpec {
  const open: Open = (ctx) => {
    const iterable = typeof from === 'function' ? (from as (ctx: Context) => unknown)(ctx) : from
    return iterate(iterable as Iterable<unknown> | AsyncIterable<unknown>)
  }
  return { operator: name, definition: LATE, start: (node, env) => new Source(node, env, open) }
}

/** A source from an `origin`: its own state lies beside what arrived late. */
export function originSource(definition: AnyDefinition): Pick<NodeSpec, 'definition' | 'start'> {
  const { state, save, load, uses } = definition
  const run = definition.run as (scope: unknown) => AnyIterator
  interface State {
    late: unknown[]
    own: unknown
  }
  return {
    definition: {
      state: () => ({ late: [], own: state?.() }),
      save: ({ late, own }: State) => ({ late, own: save === undefined ? own : save(own as never) }),
      load(saved) {
        const { late, own } = structuredClone(saved) as State
        return { late, own: load === undefined ? own : load(own) }
      },
      ...(uses === undefined ? {} : { uses }),
    },
    start: (node, env) => new Source(node, env, (ctx) => run(scopeOf(node.params, (node.state as State).own, ctx))),
  }
}

const iterate = (iterable: Iterable<unknown> | AsyncIterable<unknown>) =>
  Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
