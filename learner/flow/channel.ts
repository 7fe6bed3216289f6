import type { PlanNode } from './node.ts'
import { demand } from './operator.ts'
import { DONE, Gate, Running } from './running.ts'
import type { QueueOptions } from './types.ts'

export type Channel = ReturnType<typeof fresh>

/** What writers and readers share during a run. What is written is held by the buffers: that of a queue, or one for each output. */
const fresh = () => ({
  changed: new Gate(),
  writers: new Set<Running>(),
  /** With the buffer that each reads. */
  readers: new Map<Running, PlanNode>(),
  /** For several outputs: what feeds all of them, and the item it is at. */
  pump: undefined as Running | undefined,
  step: undefined as Promise<void> | undefined,
  stalled: false,
  failure: undefined as { readonly error: unknown } | undefined,
})

/** The channel of a queue or a fan-out. An end leaves as soon as its part of the plan is closed: the other end may wait for it. */
function join({ env, ctx }: Running, key: PlanNode, leave: (channel: Channel) => void): Channel {
  const channel = env.channels.get(key) ?? fresh()
  const left = () => (leave(channel), channel.changed.open())
  env.channels.set(key, channel)
  ctx.signal.addEventListener('abort', left, { once: true })
  return channel
}

export interface WriteRules extends QueueOptions {
  readonly buffers: readonly PlanNode[]
  /** Which of the buffers an item goes to; all of them without. */
  readonly route?: (item: unknown) => number
}

/** Puts every item into its buffers and passes it on. It ends when nobody reads any of them. */
export function write(running: Running, key: PlanNode, rules: WriteRules): AsyncIterator<unknown> {
  const { inputs, ctx, env } = running
  const { buffers, route, capacity, whenFull } = rules
  const channel = join(running, key, ({ writers }) => writers.delete(running))
  channel.writers.add(running)

  const put = async (buffer: PlanNode, item: unknown) => {
    const { held, path } = buffer
    const full = () => held.length >= capacity
    if (full() && whenFull !== 'block') {
      env.metrics.counter(`dropped.${path}`).add(1)
      env.emit({ kind: 'dropped', node: path })
      if (whenFull === 'dropNewest') return
      held.shift()
    }
    while (full() && [...channel.readers.values()].includes(buffer) && !ctx.signal.aborted) {
      await ctx.wait(channel.changed.wait(), 'downMs').catch(() => {}) // closed: the loop sees it
    }
    // Past the capacity when all of it stops: a checkpoint has what can no longer be handed over.
    if (!full() || ctx.signal.aborted || channel.readers.size === 0) held.push(item)
    channel.changed.open()
  }
  return {
    async next() {
      const result = await inputs[0]!.pull()
      if (result.done === true) return result
      const to = route?.(result.value)
      demand(to === undefined || to in buffers, `the route gave ${to} of ${buffers.length}`, { code: 'E_OPERATOR' })
      for (const buffer of to === undefined ? buffers : [buffers[to]!]) await put(buffer, result.value)
      ctx.signal.throwIfAborted()
      return channel.readers.size > 0 ? result : DONE
    },
  }
}

/** The items of a buffer, oldest first, until its writers have ended. `drive` has one written, and is true if that waits for nobody else. */
export function read(running: Running, { key, buffer }: { key: PlanNode; buffer: PlanNode }, drive = () => false) {
  const { ctx } = running
  const channel = join(running, key, ({ readers }) => readers.delete(running))
  channel.readers.set(running, buffer)
  const next = async (): Promise<IteratorResult<unknown>> => {
    for (;;) {
      ctx.signal.throwIfAborted()
      if (buffer.held.length > 0) {
        const value = buffer.held.shift()
        channel.changed.open()
        return { done: false, value }
      }
      const changed = channel.changed.wait()
      const driving = drive()
      if (channel.writers.size === 0) return DONE
      await (driving ? ctx.abortable(changed) : ctx.wait(changed))
    }
  }
  return { next }
}

/** One of several outputs of a node: who has nothing pulls one item for all of them, once all have room. */
export function output(running: Running, key: PlanNode, { capacity, whenFull }: QueueOptions): AsyncIterator<unknown> {
  const { node, env } = running
  const reader = read(running, { key, buffer: node }, () => drive())
  const channel = join(running, key, ({ readers }) => readers.size === 0 && pump.abort())
  const stalled = () => {
    channel.stalled = true
    for (const reader of channel.readers.keys()) reader.env.stalled?.()
  }
  const pump = (channel.pump ??= new Running(key, { ...env, stalled }))
  const fail = (error: unknown) => {
    channel.failure = { error }
    pump.abort()
  }
  const step = async () => {
    channel.stalled = false
    await pump.pull().catch(fail)
    channel.step = undefined
    channel.changed.open()
  }
  const drive = () => {
    if (channel.failure !== undefined) throw channel.failure.error
    const behind = whenFull === 'block' && [...channel.readers.values()].some(({ held }) => held.length >= capacity)
    if (!behind) channel.step ??= step()
    return !behind && !channel.stalled
  }
  const close = async () => {
    if (channel.readers.size === 0) await Promise.all([pump.close(), channel.step])
    return DONE
  }
  return { next: reader.next, return: close }
}
