import { DONE, type Running } from './running.ts'

type AnyIterator = AsyncIterator<unknown> | Iterator<unknown>

/** What is upstream as an operator sees it. */
export function iterableOf(input: Running): AsyncIterable<unknown> {
  const iterator = { next: () => input.pull(), return: () => input.close().then(() => DONE) }
  return { [Symbol.asyncIterator]: () => iterator }
}

/** The items of an iterator. One that comes after the source was closed is held, and comes first in the next run. */
export function items({ node, ctx, env }: Running, open: () => AnyIterator): AsyncIterator<unknown> {
  let iterator: AnyIterator | undefined
  return {
    async next() {
      ctx.signal.throwIfAborted()
      if (node.held.length > 0) return { done: false, value: node.held.shift() }
      iterator ??= open()
      const result = await iterator.next()
      if (!ctx.signal.aborted || result.done === true) return result
      node.held.push(result.value)
      throw env.reason
    },
    return: async () => (await iterator?.return?.()) ?? DONE,
  }
}

/** An iterator of what a source was given: an iterable, or a function that opens one. */
export function opened(from: unknown, ctx: Running['ctx']): AnyIterator {
  const iterable = (typeof from === 'function' ? from(ctx) : from) as AsyncIterable<unknown> | Iterable<unknown>
  return Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
}
