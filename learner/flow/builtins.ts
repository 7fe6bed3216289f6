import { demandInteger, operator } from './operator.ts'

/** Arrays of `size` consecutive items; the last may be shorter. */
export const batch = operator({
  name: 'batch',
  check: ({ size }: { readonly size: number }) => demandInteger(size, 1, 'batch: size'),
  state: () => ({ held: [] as unknown[] }),
  async *run(source: AsyncIterable<unknown>, { params, state }) {
    for await (const item of source) if (state.held.push(item) >= params.size) yield state.held.splice(0)
    if (state.held.length > 0) yield state.held.splice(0)
  },
})

/** Every part of every item, one at a time. */
export const flatten = operator({
  name: 'flatten',
  state: () => ({ rest: [] as unknown[], at: 0 }),
  async *run(source: AsyncIterable<Iterable<unknown>>, { state }) {
    while (state.at < state.rest.length) yield state.rest[state.at++]
    for await (const item of source) {
      state.rest = Array.from(item)
      state.at = 0
      while (state.at < state.rest.length) yield state.rest[state.at++]
    }
  },
})

export const take = operator({
  name: 'take',
  check: ({ count }: { readonly count: number }) => demandInteger(count, 0, 'take: count'),
  state: () => ({ taken: 0 }),
  async *run(source: AsyncIterable<unknown>, { params, state }) {
    if (state.taken >= params.count) return
    for await (const item of source) {
      state.taken++
      yield item
      if (state.taken >= params.count) return
    }
  },
})
