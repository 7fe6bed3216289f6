import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { operator, Plan } from '../../../learner/flow/index.ts'
import type { Flow } from '../../../learner/flow/index.ts'
import { collect, turn } from './helpers.ts'

const numbers = fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 20 })

/** The same items, at once, in a microtask, or from an async generator. */
const sources: Readonly<Record<string, (items: readonly number[]) => Iterable<number> | AsyncIterable<number>>> = {
  iterable: (items) => items,
  async *generator(items) {
    yield* items
  },
  async *slow(items) {
    for (const item of items) {
      await Promise.resolve()
      yield item
    }
  },
}

const kinds = fc.constantFrom(...Object.keys(sources))

/** One link of a chain: what our operator does and what an array does. */
interface Link {
  readonly name: string
  ours(flow: Flow<number>): Flow<number>
  arrays(items: readonly number[]): number[]
}

const sum = (items: readonly number[]) => items.reduce((a, b) => a + b, 0)
const chunks = (items: readonly number[], n: number) =>
  Array.from({ length: Math.ceil(items.length / n) }, (_, i) => items.slice(i * n, (i + 1) * n))
const plusOne = (item: number) => item + 1
const later = async (item: number) => item * 2
const even = (item: number) => item % 2 === 0
const evenLater = async (item: number) => even(item)
const twice = (item: number) => [item, -item]

const addTo = operator({
  name: 'addTo',
  state: () => ({ total: 0 }),
  each: (item: number, { params, state }: { params: { from: number }; state: { total: number } }) => {
    state.total += item
    return params.from + state.total
  },
})

const running = (items: readonly number[], from: number) => items.map((_, i) => from + sum(items.slice(0, i + 1)))

const links: fc.Arbitrary<Link> = fc.oneof(
  fc.constantFrom<Link>(
    { name: 'plusOne', ours: (flow) => flow.forEach(plusOne), arrays: (items) => items.map(plusOne) },
    { name: 'later', ours: (flow) => flow.forEach(later), arrays: (items) => items.map((item) => item * 2) },
    { name: 'even', ours: (flow) => flow.filter(even), arrays: (items) => items.filter(even) },
    { name: 'evenLater', ours: (flow) => flow.filter(evenLater), arrays: (items) => items.filter(even) },
    { name: 'twice', ours: (flow) => flow.combine(twice), arrays: (items) => items.flatMap(twice) },
    { name: 'addTo', ours: (flow) => flow.via(addTo({ from: 5 })), arrays: (items) => running(items, 5) },
    { name: 'none', ours: (flow) => flow.combine(async () => []), arrays: () => [] },
  ),
  fc.integer({ min: 1, max: 4 }).map((n) => ({
    name: `batch(${n})`,
    ours: (flow: Flow<number>) => flow.batch(n).forEach(sum),
    arrays: (items: readonly number[]) => chunks(items, n).map(sum),
  })),
  fc.integer({ min: 1, max: 4 }).map((n) => ({
    name: `pairs(${n})`,
    ours: (flow: Flow<number>) => flow.batch(n).flatten(),
    arrays: (items: readonly number[]) => [...items],
  })),
  fc.integer({ min: 0, max: 25 }).map((n) => ({
    name: `take(${n})`,
    ours: (flow: Flow<number>) => flow.take(n),
    arrays: (items: readonly number[]) => items.slice(0, n),
  })),
  fc.integer({ min: 2, max: 5 }).map((n) => ({
    name: `concurrent(${n})`,
    ours: (flow: Flow<number>) => flow.forEach(later, { concurrency: n }),
    arrays: (items: readonly number[]) => items.map((item) => item * 2),
  })),
)

describe('order and completeness', () => {
  test('any chain of operators gives what the same on arrays gives, from any kind of source', async () => {
    await fc.assert(
      fc.asyncProperty(numbers, kinds, fc.array(links, { maxLength: 6 }), async (items, kind, chain) => {
        const source = new Plan().source('items', sources[kind]!(items))
        const flow = chain.reduce((upstream, link) => link.ours(upstream), source)
        const expected = chain.reduce((upstream, link) => link.arrays(upstream), [...items])
        expect(await collect(flow)).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })

  test('concurrent calls keep the order of the items, and none is lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), numbers, fc.integer({ min: 2, max: 4 }), async (s, items, k) => {
        let running = 0
        let most = 0
        const task = async (item: number) => {
          most = Math.max(most, ++running)
          await s.schedule(Promise.resolve(), `item ${item}`)
          running--
          return item
        }
        expect(await s.waitFor(collect(new Plan().source('items', items).forEach(task, { concurrency: k })))).toEqual(
          items,
        )
        expect(most).toBeLessThanOrEqual(k)
      }),
      { numRuns: 60 },
    )
  })

  test('union and concurrently lose nothing and keep the order of each branch', async () => {
    const branches = fc.array(numbers, { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), branches, fc.constantFrom('async', 'roundRobin'), async (s, lists, mode) => {
        const plan = new Plan()
        const flows = lists.map((list, i) =>
          plan.source(`branch ${i}`, list).forEach(async function scheduled(item: number) {
            await s.schedule(Promise.resolve())
            return { i, item }
          }),
        )
        const got = await s.waitFor(collect(plan.concurrently(flows, { mode: mode })))
        for (const [i, list] of lists.entries()) {
          expect(got.filter((one) => one.i === i).map((one) => one.item)).toEqual(list)
        }
        expect(got.length).toBe(lists.flat().length)
      }),
      { numRuns: 60 },
    )
  })

  test('round robin over weights gives exactly the interleaving of the weights, whatever the interleaving of the sources', async () => {
    const weights = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), weights, async (s, turns) => {
        const plan = new Plan()
        const flows = turns.map((_, i) =>
          plan.source(`branch ${i}`, async function* () {
            for (let k = 0; k < 6; k++) yield await s.schedule(Promise.resolve(i))
          }),
        )
        const got = await s.waitFor(collect(plan.concurrently(flows, { mode: 'roundRobin', weights: turns })))
        const left = turns.map(() => 6)
        const expected: number[] = []
        while (left.some((n) => n > 0)) {
          turns.forEach((weight, i) => {
            for (let k = 0; k < weight && left[i]! > 0; k++, left[i]!--) expected.push(i)
          })
        }
        expect(got).toEqual(expected)
      }),
      { numRuns: 40 },
    )
  })

  test('a fractional weight is met on average, and the same seed gives the same interleaving', async () => {
    const draw = async (seed: number) => {
      const plan = new Plan()
      const flows = [plan.source('a', Array(400).fill('a')), plan.source('b', Array(400).fill('b'))]
      const all = await collect(plan.concurrently(flows, { mode: 'roundRobin', weights: [1, 0.25], seed }))
      return all.slice(0, 450).join('')
    }
    const once = await draw(7)
    expect(await draw(7)).toBe(once)
    expect(await draw(8)).not.toBe(once)
    expect(once.split('b').length - 1).toBeGreaterThan(60)
    expect(once.split('b').length - 1).toBeLessThan(120)
  })

  test('a duplicate gives every output everything, a split every item to one output, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), numbers, fc.integer({ min: 1, max: 3 }), async (s, items, capacity) => {
        const slow = (output: number) =>
          async function slowly(item: number) {
            await s.schedule(Promise.resolve())
            return { output, item }
          }
        const plan = new Plan()
        const source = plan.source('items', items)
        const flows = source.duplicate(3, { capacity }).map((flow, i) => flow.forEach(slow(i)))
        const got = await s.waitFor(collect(plan.concurrently(flows, { mode: 'async' })))
        for (const i of [0, 1, 2]) expect(got.filter((g) => g.output === i).map((g) => g.item)).toEqual(items)

        const other = new Plan()
        const parts = other.source('items', items).split(2, (item) => item % 2, { capacity })
        const routed = await s.waitFor(
          collect(
            other.concurrently(
              parts.map((flow, i) => flow.forEach(slow(i))),
              { mode: 'async' },
            ),
          ),
        )
        for (const i of [0, 1]) {
          expect(routed.filter((g) => g.output === i).map((g) => g.item)).toEqual(items.filter((n) => n % 2 === i))
        }
      }),
      { numRuns: 40 },
    )
  })

  test('everything that goes into a blocking queue comes out of it, once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), numbers, fc.integer({ min: 1, max: 3 }), async (s, items, capacity) => {
        const pace = async (item: number) => {
          await s.schedule(Promise.resolve())
          return item
        }
        const plan = new Plan()
        const queue = plan.queue<number>('q', { capacity, whenFull: 'block' })
        const flows = [plan.source('items', items).forEach(pace).enqueue(queue), plan.dequeue(queue).forEach(pace)]
        expect(await s.waitFor(collect(plan.concurrently(flows, { mode: 'async', output: 1 })))).toEqual(items)
      }),
      { numRuns: 60 },
    )
  })
})

test.each([
  { whenFull: 'dropOldest' as const, kept: [4, 5] },
  { whenFull: 'dropNewest' as const, kept: [1, 2] },
])('a full queue that does $whenFull keeps $kept of five and counts three', async ({ whenFull, kept }) => {
  const plan = new Plan()
  const queue = plan.queue<number>('q', { capacity: 2, whenFull })
  const flows = [plan.source('items', [1, 2, 3, 4, 5]).enqueue(queue), plan.dequeue(queue)]
  const dropped: string[] = []
  const flow = plan.concurrently(flows, { mode: 'roundRobin', weights: [5, 1], output: 1 })
  expect(await collect(plan.run(flow, { onEvent: ({ kind, node }) => dropped.push(`${kind} ${node}`) }))).toEqual(kept)
  expect(plan.metrics.counter('dropped.queue(q)').value).toBe(3)
  expect(dropped).toEqual(Array(3).fill('dropped queue(q)'))
})

test('a round robin passes over a full queue and an empty one, instead of waiting for itself', async () => {
  const plan = new Plan()
  const queue = plan.queue<number>('q', { capacity: 1, whenFull: 'block' })
  const flows = [plan.dequeue(queue), plan.source('items', [1, 2, 3, 4]).enqueue(queue)]
  const flow = plan.concurrently(flows, { mode: 'roundRobin', weights: [1, 3], output: 0 })
  expect(await collect(flow)).toEqual([1, 2, 3, 4])
})

test('a branch that waits for another one by ctx.wait is passed over, too', async () => {
  const plan = new Plan()
  const stored: number[] = []
  let enough = () => {}
  const filled = new Promise<void>((resolve) => (enough = resolve))
  const replay = operator({
    name: 'replay',
    async *run(_: AsyncIterable<never>, { ctx }) {
      await ctx.wait(filled)
      yield* stored
    },
  })
  const store = (item: number) => {
    if (stored.push(item) === 2) enough()
    return item
  }
  const flows = [plan.source(replay()), plan.source('items', [1, 2, 3]).forEach(store)]
  expect(await collect(plan.concurrently(flows, { mode: 'roundRobin', output: 0 }))).toEqual([1, 2, 3])
})

test("a '*' branch that has nothing at hand does not hold the others, and one that has gives all", async () => {
  const plan = new Plan()
  const doors: (() => void)[] = []
  const gated = async function* () {
    for (const part of [[1, 2, 3], [4]]) {
      await new Promise<void>((resolve) => doors.push(resolve))
      yield* part
    }
  }
  const flows = [plan.source('ready', ['a', 'b', 'c', 'd']), plan.source('gated', gated)]
  const got: unknown[] = []
  for await (const item of plan.concurrently(flows, { mode: 'roundRobin', weights: [1, '*'] })) {
    got.push(item)
    if (got.length === 2) doors.shift()!()
    if (item === 'd') doors.shift()!()
    await turn()
  }
  expect(got).toEqual(['a', 'b', 1, 2, 3, 'c', 'd', 4])
})
