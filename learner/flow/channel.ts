import type { PlanNode } from './node.ts'
import { demand } from './operator.ts'
import { DONE, END, Gate, Running } from './running.ts'
import type { QueueOptions } from './types.ts'

/** What the ends of a queue share during a run, or the outputs of a node that has several. */
class Channel {
  readonly changed = new Gate()
  readonly readers = new Set<Running>()
  writers = 0
  failure: { readonly error: unknown } | undefined

  /** This end leaves as soon as its part of the plan is closed, because the other end may wait for it. */
  leave({ ctx }: Running, left: () => void): void {
    const leave = () => {
      left()
      this.changed.open()
    }
    ctx.signal.addEventListener('abort', leave, { once: true })
  }

  /** The next item of a buffer, when there is one; `fetch` is true if this reader itself now pulls one. */
  async take(reader: Running, buffer: PlanNode, fetch = () => false): Promise<IteratorResult<unknown>> {
    for (;;) {
      reader.ctx.signal.throwIfAborted()
      if (buffer.held.length > 0) {
        const value = buffer.held.shift()
        this.changed.open()
        return { done: false, value }
      }
      if (this.failure !== undefined) throw this.failure.error
      if (this.writers === 0) return DONE
      const changed = this.changed.wait()
      await (fetch() ? reader.ctx.abortable(changed) : reader.ctx.wait(changed))
    }
  }
}

function channelOf({ env }: Running, key: PlanNode): Channel {
  const channel = (env.shared.get(key) as Channel | undefined) ?? new Channel()
  env.shared.set(key, channel)
  return channel
}

/** Puts an item into a buffer, or drops one by the buffer's rule; false when the writer has to wait. */
function offer({ env }: Running, { held, path }: PlanNode, { item, capacity, whenFull }: Offer): boolean {
  if (held.length < capacity) return held.push(item) > 0
  if (whenFull === 'block') return false
  if (whenFull === 'dropOldest') held.splice(0, 1, ...held.splice(1), item)
  env.metrics.counter(`dropped.${path}`).add(1)
  env.emit({ kind: 'dropped', node: path })
  return true
}

interface Offer extends QueueOptions {
  readonly item: unknown
}

/** Puts every item into the queue and passes it on. It ends when the last reader has. */
export function write(running: Running, queue: PlanNode, options: QueueOptions): AsyncIterator<unknown> {
  const { inputs, ctx } = running
  const channel = channelOf(running, queue)
  channel.writers++
  channel.leave(running, () => channel.writers--)
  const put = async (item: unknown) => {
    let taken = offer(running, queue, { item, ...options })
    try {
      while (!taken && channel.readers.size > 0) {
        await ctx.wait(channel.changed.wait(), 'Down')
        taken = offer(running, queue, { item, ...options })
      }
    } finally {
      if (!taken) queue.held.push(item) // past the capacity: a checkpoint has what can no longer be handed over
    }
    channel.changed.open()
  }
  return {
    async next() {
      const value = await inputs[0]!.pull()
      if (value === END) return DONE
      await put(value)
      return channel.readers.size > 0 ? { done: false, value } : DONE
    },
  }
}

/** The items of a queue, oldest first, until its writers have ended. */
export function read(running: Running, queue: PlanNode): AsyncIterator<unknown> {
  const channel = channelOf(running, queue)
  channel.readers.add(running)
  channel.leave(running, () => channel.readers.delete(running))
  return { next: () => channel.take(running, queue) }
}

export interface FanOutRules extends QueueOptions {
  readonly outputs: readonly PlanNode[]
  /** Which output an item goes to; all of them without. */
  readonly route?: (item: unknown) => number
}

/** The upstream of several outputs, which hold what they have not given out. It pulls once all of them have room. */
class FanOut extends Channel {
  override writers = 1
  private readonly source: Running
  private readonly rules: FanOutRules
  private fetching = false

  constructor({ env }: Running, head: PlanNode, rules: FanOutRules) {
    super()
    this.rules = rules
    const stalled = () => this.readers.forEach((reader) => reader.env.stalled?.())
    this.source = new Running(head.inputs[0]!, { ...env, stalled })
    head.measure = () => this.source.node.measure()
  }

  join(reader: Running): void {
    this.readers.add(reader)
    this.leave(reader, () => {
      this.readers.delete(reader)
      if (this.readers.size === 0) this.source.abort()
    })
  }

  async close(): Promise<IteratorResult<unknown>> {
    if (this.readers.size === 0) await this.source.close()
    while (this.readers.size === 0 && this.fetching) await this.changed.wait()
    return DONE
  }

  fetch(reader: Running): boolean {
    const { whenFull, capacity } = this.rules
    const behind = ({ node }: Running) => whenFull === 'block' && node.held.length >= capacity
    if (this.fetching || [...this.readers].some(behind)) return false
    this.fetching = true
    void this.pull(reader)
    return true
  }

  private async pull(reader: Running): Promise<void> {
    try {
      const item = await this.source.pull()
      if (item === END) this.writers = 0
      else this.spread(reader, item)
    } catch (error) {
      this.failure = { error: reader.ctx.locate(error) }
    }
    this.fetching = false
    this.changed.open()
  }

  private spread(reader: Running, item: unknown): void {
    const { outputs, route, ...options } = this.rules
    const to = route?.(item)
    demand(to === undefined || to in outputs, `the route gave ${to}, there are ${outputs.length} outputs`, {
      code: 'E_OPERATOR',
    })
    const readers = Array.from(this.readers, ({ node }) => node)
    for (const node of to === undefined ? outputs : [outputs[to]!]) {
      // An output that ended by itself is left out; in a plan that stops, its items belong to the checkpoint.
      if (readers.length > 0 && !readers.includes(node)) continue
      if (!offer(reader, node, { item, ...options })) node.held.push(item)
    }
  }
}

/** One of several outputs of a node. */
export function output(running: Running, head: PlanNode, rules: FanOutRules): AsyncIterator<unknown> {
  const { env } = running
  const fanOut = (env.shared.get(head) as FanOut | undefined) ?? new FanOut(running, head, rules)
  env.shared.set(head, fanOut)
  fanOut.join(running)
  return {
    next: () => fanOut.take(running, running.node, () => fanOut.fetch(running)),
    return: () => fanOut.close(),
  }
}
