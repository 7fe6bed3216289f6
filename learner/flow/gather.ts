import { Gate, type Running } from './running.ts'
import type { GatherOptions, OpenSource, ShardedSource, SourceEvent, Sourced } from './types.ts'

/** Who is asked for items: the shards of a source, the branches of a plan, or the calls of a function. */
export interface Asked extends OpenSource<unknown> {
  readonly shards: () => readonly string[]
  /** True when no item can come that anyone wants, though some still work. */
  readonly ended?: () => boolean
}

/** Requests and their answers. An item that comes when nobody pulls is held by the node, also while it closes. */
export function requestsOf(running: Running, asked: Asked) {
  const { node, ctx, env } = running
  const arrived = new Gate()
  const ready = node.held as Sourced<unknown>[]
  const done = new Set<string>()
  const waiting: string[] = []
  let failure: { readonly error: unknown } | undefined

  const request = async (shard: string) => {
    waiting.push(shard)
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
    waiting.splice(waiting.indexOf(shard), 1)
    arrived.open()
  }
  /** @throws what an earlier request failed with: nothing is asked any more */
  const ask = (shard: string) => {
    if (failure !== undefined) throw failure.error
    void request(shard)
  }
  /** Waits for an answer, and throws what a request failed with. */
  const answer = async () => {
    if (failure === undefined) await ctx.abortable(arrived.wait())
    if (failure !== undefined) throw failure.error
  }
  const close = async () => {
    running.abort()
    await asked.close().catch(ctx.late)
    while (waiting.length > 0) await arrived.wait()
  }
  return { arrived, ready, done, waiting, ask, answer, close }
}

export interface GatherRules extends Required<GatherOptions> {
  /** `sync` makes rounds: nothing is delivered before all have answered, nothing is asked before all is delivered. */
  readonly mode: 'sync' | 'async'
  /** A round is one item. */
  readonly rounds?: boolean
}

/** Keeps requests outstanding and delivers what comes, driven by the answers alone. */
async function* gather(running: Running, asked: Asked, rules: GatherRules): AsyncGenerator<unknown> {
  const { inFlight, reissue, rounds } = rules
  const sync = rules.mode === 'sync'
  const requests = requestsOf(running, asked)
  const { ready, done, waiting } = requests
  const topUp = () => {
    const held = new Map<string, number>()
    for (const shard of [...waiting, ...ready.map((one) => one.shard)]) held.set(shard, (held.get(shard) ?? 0) + 1)
    for (const shard of asked.shards()) {
      for (let i = held.get(shard) ?? 0; i < inFlight && !done.has(shard); i++) requests.ask(shard)
    }
  }
  const out = (sourced: Sourced<unknown>) => (running.node.zipped ? sourced : sourced.item)
  try {
    for (;;) {
      if (!sync || ready.length === 0) topUp()
      while (sync ? waiting.length > 0 : ready.length === 0) {
        if (waiting.length === 0 || asked.ended?.() === true) return
        await requests.answer()
        if (!sync) topUp()
      }
      const order = asked.shards()
      if (sync) ready.sort((a, b) => order.indexOf(a.shard) - order.indexOf(b.shard))
      if (ready.length > 0) {
        const item = rounds === true ? ready.splice(0).map(out) : out(ready.shift()!)
        if (reissue === 'before') topUp()
        yield item
      } else if (order.every((shard) => done.has(shard))) return
    }
  } finally {
    await requests.close()
  }
}

/** The items of the sharded source upstream, through the stages between. It is opened at the first pull. */
export function gatherShards(running: Running, rules: GatherRules): AsyncIterator<unknown> {
  const { ctx, env } = running
  const { from, stages = [] } = running.node.inputs[0]!.spec
  const source = 'of' in from! ? (env.resources.get(from.name) as ShardedSource<unknown>) : from!
  let opened: OpenSource<unknown> | undefined
  const open = () => source.open({ mode: rules.mode, inFlight: rules.inFlight, stages, signal: ctx.signal })
  const asked: Asked = {
    shards: () => source.shards,
    request: (shard) => (opened ??= open()).request(shard),
    close: async () => opened?.close(),
  }
  return gather(running, asked, rules)
}

/** Branches of a plan as shards, by index. With `drain`, one that is no output works without end and gives nothing. */
export function branches({ inputs }: Running, output: readonly number[], drain: boolean): Asked {
  const live = new Set(output.map(String))
  const shards = inputs.map((_, i) => String(i))
  return {
    shards: () => shards,
    ended: () => live.size === 0,
    async request(shard) {
      let result = await inputs[Number(shard)]!.pull()
      while (result.done !== true && drain && !live.has(shard)) result = await inputs[Number(shard)]!.pull()
      if (result.done !== true) return { kind: 'item', item: result.value }
      live.delete(shard)
      return { kind: 'done' }
    },
    close: async () => void (await Promise.all(inputs.map((input) => input.close()))),
  }
}

/** Branches that work at the same time, each until it holds an item. */
export const gatherBranches = (running: Running, output: readonly number[]) =>
  gather(running, branches(running, output, true), { mode: 'async', inFlight: 1, reissue: 'after' })

/** A function over several items at a time; results in the order of the items. */
export function gatherCalls(running: Running, fn: (item: unknown) => unknown, concurrency: number) {
  const source = running.inputs[0]!
  let pulled: Promise<unknown> = Promise.resolve()
  let called: Promise<unknown> = Promise.resolve()
  const call = async (item: ReturnType<Running['pull']>, before: Promise<unknown>): Promise<SourceEvent<unknown>> => {
    const { done, value } = await item
    const result = done === true ? undefined : await fn(value)
    await before.catch(() => undefined)
    return done === true ? { kind: 'done' } : { kind: 'item', item: result }
  }
  const request = () => {
    const item = pulled.then(() => source.pull())
    const answer = call(item, called)
    pulled = item
    called = answer
    return answer
  }
  const asked = { shards: () => ['calls'], request, close: () => source.close() }
  return gather(running, asked, { mode: 'async', inFlight: concurrency, reissue: 'after' })
}
