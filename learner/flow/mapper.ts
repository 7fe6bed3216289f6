import type { NodeSpec, PlanNode } from './node.ts'
import { END, Gate, Puller, SKIP } from './puller.ts'
import type { Env, Pulled, Stall } from './puller.ts'

export interface MapOptions {
  /** Calls running or finished and not yet delivered, at most. */
  readonly concurrency: number
  /** Results in the order of the items; otherwise as they come. */
  readonly ordered: boolean
}

interface Call {
  readonly item: unknown
  result?: unknown
  finished: boolean
}

/**
 * A function over several items at a time. What was pulled and not delivered is its state: a run that goes on from a checkpoint
 * calls the function again for those.
 */
class Mapper extends Puller {
  private readonly fn: (item: unknown) => unknown
  private readonly options: MapOptions
  private readonly state: { items: unknown[] }
  private readonly calls: Call[] = []
  private readonly changed = new Gate()
  private running = 0
  private pulling = false
  private ended = false
  private error: { readonly cause: unknown } | undefined
  private stall: Stall | undefined
  private waiting = false

  constructor(node: PlanNode, env: Env, { fn, options }: { fn: (item: unknown) => unknown; options: MapOptions }) {
    const hear = (stall: Stall) => {
      this.stall = stall
      if (this.waiting && this.running === 0) env.stalled?.(stall)
    }
    super(node, env, [env.pull(node.inputs[0]!, hear)])
    this.fn = fn
    this.options = options
    this.state = node.state as { items: unknown[] }
  }

  protected next(): Pulled {
    if (this.calls.length === 0) for (const item of this.state.items) this.call(item)
    const item = this.advance()
    return item === SKIP ? this.later() : item
  }

  protected override onAbort(): void {
    this.changed.open()
  }

  protected override async onClose(): Promise<void> {
    while (this.running > 0 || this.pulling) await this.changed.wait()
  }

  private async later(): Promise<Pulled> {
    this.waiting = true
    try {
      for (;;) {
        await this.wait(this.changed, this.running === 0 ? this.stall : undefined)
        const item = this.advance()
        if (item !== SKIP) return item
      }
    } finally {
      this.waiting = false
    }
  }

  /** Starts what there is room for; gives what is finished, END, or SKIP when neither is there. */
  private advance(): Pulled {
    while (!this.ended && !this.pulling && this.error === undefined && this.calls.length < this.options.concurrency) {
      this.stall = undefined
      const pulled = this.inputs[0]!.pull()
      if (pulled instanceof Promise) this.await(pulled)
      else this.accept(pulled)
    }
    if (this.error !== undefined) throw this.error.cause
    const at = this.options.ordered ? 0 : this.calls.findIndex((call) => call.finished)
    const call = this.calls[at]
    if (call === undefined) return this.ended && this.calls.length === 0 ? END : SKIP
    if (!call.finished) return SKIP
    this.calls.splice(at, 1)
    this.state.items.splice(at, 1)
    return call.result
  }

  private await(pulled: Promise<unknown>): void {
    this.pulling = true
    void pulled
      .then((item) => this.accept(item))
      .catch((cause: unknown) => (this.error ??= { cause }))
      .finally(() => {
        this.pulling = false
        this.changed.open()
      })
  }

  private accept(item: unknown): void {
    if (item === END) {
      this.ended = true
      return
    }
    this.state.items.push(item)
    if (!this.aborted) this.call(item)
  }

  private call(item: unknown): void {
    const call: Call = { item, finished: false }
    this.calls.push(call)
    this.running++
    void (async () => this.fn(item))()
      .then(
        (result) => Object.assign(call, { result, finished: true }),
        (cause: unknown) => (this.error ??= { cause }),
      )
      .finally(() => {
        this.running--
        this.changed.open()
      })
  }
}

export const mapperNode = (
  fn: (item: unknown) => unknown,
  options: MapOptions,
): Pick<NodeSpec, 'definition' | 'start'> => ({
  definition: { state: () => ({ items: [] }) },
  start: (node, env) => new Mapper(node, env, { fn, options }),
})
