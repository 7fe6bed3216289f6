import { Gate, type Running } from './running.ts'
import type { OpenSource, Sharded, SourceEvent, Sourced, Stage } from './types.ts'

/** Who is asked for items: the shards of a source, the branches of a plan, or the calls of a function. */
export interface Asked extends OpenSource<unknown> {
  readonly shards: readonly string[]
  /** True when no item can come that anyone wants, though some still work. */
  readonly ended?: boolean
}

/** Requests and their answers. An item that comes when nobody pulls is held by the node, also while it closes. */
export class Requests {
  readonly arrived = new Gate()
  readonly ready: Sourced<unknown>[]
  readonly done = new Set<string>()
  /** Outstanding, by shard. */
  readonly waiting = new Map<string, number>()
  private readonly running: Running
  private readonly asked: Asked
  private failure: { readonly error: unknown } | undefined

  constructor(running: Running, asked: Asked) {
    this.running = running
    this.asked = asked
    this.ready = running.node.held as Sourced<unknown>[]
  }

  /** Answered and not delivered, or outstanding. */
  held(shard: string): number {
    return (this.waiting.get(shard) ?? 0) + this.ready.filter((sourced) => sourced.shard === shard).length
  }

  async ask(shard: string): Promise<void> {
    const { ctx, env, node } = this.running
    this.waiting.set(shard, (this.waiting.get(shard) ?? 0) + 1)
    try {
      const event = await this.asked.request(shard)
      if (event.kind === 'item') this.ready.push({ item: event.item, shard })
      if (event.kind === 'done') this.done.add(shard)
      if (event.kind === 'lost') {
        ctx.metrics.counter('lost').add(1)
        env.emit({ node: node.path, shard, ...event })
      }
    } catch (error) {
      if (this.failure === undefined && !ctx.signal.aborted) this.failure = { error }
      else if (error !== this.failure?.error) ctx.late(error)
    }
    const left = this.waiting.get(shard)! - 1
    if (left === 0) this.waiting.delete(shard)
    else this.waiting.set(shard, left)
    this.arrived.open()
  }

  /** Waits for an answer, and throws what a request failed with. */
  async answer(): Promise<void> {
    if (this.failure === undefined) await this.running.ctx.abortable(this.arrived.wait())
    if (this.failure !== undefined) throw this.failure.error
  }

  async close(): Promise<void> {
    this.running.abort()
    await this.asked.close().catch((error: unknown) => this.running.ctx.late(error))
    while (this.waiting.size > 0) await this.arrived.wait()
  }
}

export interface GatherRules {
  readonly sync: boolean
  readonly inFlight: number
  readonly reissue: 'before' | 'after'
  /** What goes downstream of the items at hand; it takes them out of the list. */
  deliver: (ready: Sourced<unknown>[]) => unknown
}

export const itemOnly = (ready: Sourced<unknown>[]) => ready.shift()!.item

/**
 * Keeps requests outstanding and delivers what comes, driven by the answers alone. `sync` makes rounds: nothing is delivered before
 * all have answered, nothing is asked before all is delivered.
 */
async function* gather(running: Running, asked: Asked, rules: GatherRules): AsyncGenerator<unknown> {
  const { sync, inFlight, reissue, deliver } = rules
  const requests = new Requests(running, asked)
  const { ready, done, waiting } = requests
  const topUp = () => {
    for (const shard of asked.shards)
      while (!done.has(shard) && requests.held(shard) < inFlight) void requests.ask(shard)
  }
  try {
    for (;;) {
      if (!sync || ready.length === 0) topUp()
      while (sync ? waiting.size > 0 : ready.length === 0) {
        if (waiting.size === 0 || asked.ended === true) return
        await requests.answer()
        if (!sync) topUp()
      }
      const order = asked.shards
      if (sync) ready.sort((a, b) => order.indexOf(a.shard) - order.indexOf(b.shard))
      if (ready.length > 0) {
        const item = deliver(ready)
        if (reissue === 'before') topUp()
        yield item
      } else if (order.every((shard) => done.has(shard))) return
    }
  } finally {
    await requests.close()
  }
}

/** The items of a sharded source. It is opened at the first pull. */
export function gatherShards(
  running: Running,
  from: Sharded<unknown>,
  rules: GatherRules & { readonly stages: readonly Stage[] },
): AsyncIterator<unknown> {
  const { ctx } = running
  const { sync, inFlight, stages } = rules
  const source = 'of' in from ? ctx.use(from) : from
  let opened: OpenSource<unknown> | undefined
  const open = () => source.open({ mode: sync ? 'sync' : 'async', inFlight, stages, signal: ctx.signal })
  const asked: Asked = {
    get shards() {
      return source.shards
    },
    request: (shard) => (opened ??= open()).request(shard),
    close: async () => opened?.close(),
  }
  return gather(running, asked, rules)
}

/** Branches of a plan as shards, by index. With `drain`, one that is no output works without end and gives nothing. */
export function branches({ inputs }: Running, output: readonly number[], drain: boolean): Asked {
  const live = new Set(output.map(String))
  return {
    shards: inputs.map((_, i) => String(i)),
    get ended() {
      return live.size === 0
    },
    async request(shard) {
      let result: IteratorResult<unknown>
      do result = await inputs[Number(shard)]!.pull()
      while (drain && result.done !== true && !live.has(shard))
      if (result.done === true) live.delete(shard)
      return result.done === true ? { kind: 'done' } : { kind: 'item', item: result.value }
    },
    close: async () => void (await Promise.all(inputs.map((input) => input.close()))),
  }
}

/** Branches that work at the same time, each until it holds an item. */
export const gatherBranches = (running: Running, output: readonly number[]): AsyncIterator<unknown> =>
  gather(running, branches(running, output, true), { sync: false, inFlight: 1, reissue: 'after', deliver: itemOnly })

export interface MapOptions {
  /** Calls running, or finished and not yet delivered, at most. */
  readonly concurrency: number
  /** Results in the order of the items; otherwise as they come. */
  readonly ordered: boolean
}

/** A function over several items at a time. */
export function gatherCalls(
  running: Running,
  fn: (item: unknown) => unknown,
  options: MapOptions,
): AsyncIterator<unknown> {
  const source = running.inputs[0]!
  let pulled: Promise<unknown> = Promise.resolve()
  let before: Promise<unknown> = Promise.resolve()
  const call = async (item: Promise<IteratorResult<unknown>>): Promise<SourceEvent<unknown>> => {
    const { done, value } = await item
    return done === true ? { kind: 'done' } : { kind: 'item', item: await fn(value) }
  }
  const asked: Asked = {
    shards: ['calls'],
    request() {
      const item = pulled.then(() => source.pull())
      pulled = item
      const answer = call(item)
      if (!options.ordered) return answer
      const inTurn = before.then(() => answer)
      before = inTurn.catch(() => answer.catch(() => undefined))
      return inTurn
    },
    close: () => source.close(),
  }
  return gather(running, asked, { sync: false, inFlight: options.concurrency, reissue: 'after', deliver: itemOnly })
}
