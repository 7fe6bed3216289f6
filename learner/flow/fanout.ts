import type { NodeSpec, PlanNode } from './node.ts'
import { END, Gate, locate, Puller, SKIP } from './puller.ts'
import type { Env, Pulled, Stall } from './puller.ts'
import { countDrop, offer } from './queue.ts'
import type { QueueOptions } from './types.ts'

export interface FanOutOptions extends QueueOptions {
  /** Which output an item goes to; all of them without one. */
  readonly route?: (item: unknown) => number
}

/** The upstream of several outputs. An output that has nothing buffered pulls for all, once every live output has room. */
class FanOut {
  readonly changed = new Gate()
  readonly outputs: Output[] = []
  private readonly node: PlanNode
  private readonly env: Env
  private readonly options: FanOutOptions
  private readonly source: Puller
  private readonly buffers: unknown[][]
  private fetching = false
  private end: { readonly error?: unknown } | undefined
  private upstream: Stall | undefined

  constructor(node: PlanNode, env: Env, options: FanOutOptions) {
    this.node = node
    this.env = env
    this.options = options
    this.buffers = node.state as unknown[][]
    this.source = env.pull(node.inputs[0]!, (stall) => {
      this.upstream = stall
      for (const output of this.outputs) output.pass(stall)
    })
    node.measure = () => ({
      itemsIn: this.source.items,
      itemsOut: this.source.items,
      busyMs: 0,
      waitedUpstreamMs: this.source.pullMs,
      waitedDownstreamMs: this.source.gapMs,
    })
  }

  /** An item for output i, END, or SKIP when it has to wait for a change. */
  take(i: number): Pulled {
    for (;;) {
      const buffer = this.buffers[i]!
      if (buffer.length > 0) {
        const item = buffer.shift()
        this.changed.open()
        return item
      }
      if (this.end !== undefined) {
        if ('error' in this.end) throw this.end.error
        return END
      }
      if (this.fetching || this.behind() !== undefined) return SKIP
      this.fetch()
    }
  }

  /** Why an output has to wait. */
  stall(): Stall | undefined {
    const behind = this.behind()
    if (behind === undefined) return this.upstream
    return this.changed.stall('queue', `${behind.node.path} still has ${this.options.capacity} items to take`)
  }

  abort(): void {
    if (this.outputs.every((output) => output.closed)) this.source.abort()
    this.changed.open()
  }

  async close(): Promise<void> {
    if (!this.outputs.every((output) => output.closed)) return
    await this.source.close()
    while (this.fetching) await this.changed.wait()
  }

  /** The output that holds the others up, if there is one. */
  private behind(): Output | undefined {
    const { capacity, whenFull } = this.options
    if (whenFull !== 'block') return undefined
    return this.outputs.find((output) => !output.closed && this.buffers[output.index]!.length >= capacity)
  }

  private fetch(): void {
    this.upstream = undefined
    try {
      const pulled = this.source.pull()
      if (!(pulled instanceof Promise)) return this.spread(pulled)
      this.fetching = true
      void pulled
        .then((item) => this.spread(item))
        .catch((error: unknown) => this.fail(error))
        .finally(() => {
          this.fetching = false
          this.changed.open()
        })
    } catch (error) {
      this.fail(error)
    }
  }

  private fail(error: unknown): void {
    this.end = { error: locate(error, this.node, { run: this.env.run, aborted: false }) }
  }

  private spread(item: unknown): void {
    if (item === END) {
      this.end = {}
      return
    }
    const to = this.options.route?.(item)
    if (to !== undefined && !(to in this.buffers)) {
      throw new RangeError(`the route gave ${to}, and there are outputs 0 to ${this.buffers.length - 1}`)
    }
    const stopping = this.outputs.every((output) => output.closed)
    for (const { index, closed, node } of this.outputs) {
      // An output that ended by itself has no reader; in a plan that stops, its items belong to the checkpoint.
      if ((to !== undefined && to !== index) || (closed && !stopping)) continue
      const items = this.buffers[index]!
      if (!offer({ ...this.options, items }, item, () => countDrop(this.env.run, node, node.path))) items.push(item)
    }
  }
}

class Output extends Puller {
  readonly index: number
  private readonly fan: FanOut
  private waiting = false

  constructor(node: PlanNode, env: Env, { index, options }: { index: number; options: FanOutOptions }) {
    super(node, env)
    this.index = index
    const head = node.inputs[0]!
    this.fan = env.shared(head, () => new FanOut(head, env, options))
    this.fan.outputs.push(this)
  }

  get closed(): boolean {
    return this.aborted
  }

  /** The upstream waits, and so does this output if it waits for an item. */
  pass(stall: Stall): void {
    if (this.waiting) this.env.stalled?.(stall)
  }

  protected next(): Pulled {
    if (this.aborted) throw this.env.run.reason
    const item = this.fan.take(this.index)
    return item === SKIP ? this.later() : item
  }

  protected override onAbort(): void {
    this.fan.abort()
  }

  protected override onClose(): Promise<void> {
    return this.fan.close()
  }

  protected override measure() {
    return { ...super.measure(), itemsIn: this.items }
  }

  private async later(): Promise<Pulled> {
    this.waiting = true
    try {
      for (;;) {
        await this.wait(this.fan.changed, this.fan.stall())
        const item = this.fan.take(this.index)
        if (item !== SKIP) return item
      }
    } finally {
      this.waiting = false
    }
  }
}

/** The node that buffers for its outputs, of which each is a node of its own. */
export const fanOutHead = (count: number): Pick<NodeSpec, 'outputs' | 'definition'> => ({
  outputs: count,
  definition: {
    state: () => Array.from({ length: count }, () => []),
  },
})

export const fanOutOutput = (index: number, options: FanOutOptions): Pick<NodeSpec, 'params' | 'start'> => ({
  params: { output: index },
  start: (node, env) => new Output(node, env, { index, options }),
})
