import { END, Gate, type Running } from './running.ts'
import type { OpenSource, Sharded, SourceEvent, Sourced, Stage } from './types.ts'

/** Who is asked for items: the shards of a source, the branches of a plan, or the calls of a function. */
interface Asked extends OpenSource<unknown> {
  readonly shards: readonly string[]
  /** True when no item can come that anyone wants, though some still work. */
  readonly ended?: boolean
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
 * Keeps requests outstanding and delivers what comes, driven by the answers alone. An item that comes when nobody pulls is held, also while
 * this closes. `sync` makes rounds: nothing is delivered before all have answered, nothing is asked before all is delivered.
 */
async function* gather(running: Running, asked: Asked, rules: GatherRules): AsyncGenerator<unknown> {
  const { node, ctx, env } = running
  const { sync, inFlight, reissue, deliver } = rules
  const ready = node.held as Sourced<unknown>[]
  const outstanding = new Map<string, number>()
  const done = new Set<string>()
  const arrived = new Gate()
  let waiting = 0
  let failure: { readonly error: unknown } | undefined

  const ask = async (shard: string) => {
    waiting++
    outstanding.set(shard, (outstanding.get(shard) ?? 0) + 1)
    try {
      const event = await asked.request(shard)
      if (event.kind === 'item') ready.push({ item: event.item, shard })
      if (event.kind === 'done') done.add(shard)
      if (event.kind === 'lost') {
        env.metrics.counter('lost').add(1)
        env.emit({ node: node.path, shard, ...event })
      }
    } catch (error) {
      if (failure === undefined && !ctx.signal.aborted) failure = { error }
      else if (error !== failure?.error) ctx.late(error)
    }
    waiting--
    outstanding.set(shard, outstanding.get(shard)! - 1)
    arrived.open()
  }
  const topUp = () => {
    for (const shard of asked.shards) {
      const held = () => (outstanding.get(shard) ?? 0) + ready.filter((sourced) => sourced.shard === shard).length
      while (!done.has(shard) && held() < inFlight) void ask(shard)
    }
  }
  const empty = () => (sync ? waiting > 0 : ready.length === 0)
  try {
    for (;;) {
      if (!sync || ready.length === 0) topUp()
      while (empty() && failure === undefined) {
        if (waiting === 0 || asked.ended === true) return
        await ctx.abortable(arrived.wait())
        if (!sync) topUp()
      }
      if (failure !== undefined) throw failure.error
      if (ready.length === 0) {
        if (asked.shards.every((shard) => done.has(shard))) return
        continue
      }
      const order = asked.shards
      if (sync) ready.sort((a, b) => order.indexOf(a.shard) - order.indexOf(b.shard))
      const item = deliver(ready)
      if (reissue === 'before') topUp()
      yield item
    }
  } finally {
    running.abort()
    await asked.close().catch((error: unknown) => ctx.late(error))
    while (waiting > 0) await arrived.wait()
  }
}

/** The items of a sharded source. It is opened at the first pull. */
export function gatherShards(
  running: Running,
  from: Sharded<unknown>,
  rules: GatherRules & { readonly stages: readonly Stage[] },
) {
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

/** Branches that work at the same time: each until it holds an item, or, if it is no output, without end. */
export function gatherBranches(running: Running, output: readonly number[]): AsyncIterator<unknown> {
  const { inputs } = running
  const live = new Set(output.map(String))
  const asked: Asked = {
    shards: inputs.map((_, i) => String(i)),
    get ended() {
      return live.size === 0
    },
    async request(shard): Promise<SourceEvent<unknown>> {
      let item = await inputs[Number(shard)]!.pull()
      while (item !== END && !live.has(shard)) item = await inputs[Number(shard)]!.pull()
      if (item === END) live.delete(shard)
      return item === END ? { kind: 'done' } : { kind: 'item', item }
    },
    close: async () => void (await Promise.all(inputs.map((input) => input.close()))),
  }
  return gather(running, asked, { sync: false, inFlight: 1, reissue: 'after', deliver: itemOnly })
}

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
  { concurrency, ordered }: MapOptions,
): AsyncIterator<unknown> {
  const source = running.inputs[0]!
  let pulled: Promise<unknown> = Promise.resolve()
  let before: Promise<unknown> = Promise.resolve()
  const call = async (item: Promise<unknown>): Promise<SourceEvent<unknown>> => {
    const value = await item
    return value === END ? { kind: 'done' } : { kind: 'item', item: await fn(value) }
  }
  const asked: Asked = {
    shards: ['calls'],
    request() {
      pulled = pulled.then(() => source.pull())
      const answer = call(pulled)
      if (!ordered) return answer
      const inTurn = before.then(() => answer)
      before = inTurn.catch(() => answer.catch(() => undefined))
      return inTurn
    },
    close: () => source.close(),
  }
  return gather(running, asked, { sync: false, inFlight: concurrency, reissue: 'after', deliver: itemOnly })
}
