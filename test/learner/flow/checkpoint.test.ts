import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { operator, Plan } from '../../../learner/flow/index.ts'
import type { Checkpoint, Flow } from '../../../learner/flow/index.ts'
import { collect, first, turn } from './helpers.ts'

const runningSum = operator({
  name: 'runningSum',
  state: () => ({ total: 0 }),
  async *run(source: AsyncIterable<number>, { state }) {
    for await (const item of source) {
      state.total += item
      yield state.total
    }
  },
})

/** State that is no plain data is translated. */
const seenBefore = operator({
  name: 'seenBefore',
  state: () => new Set<number>(),
  save: (seen) => [...seen].toSorted((a, b) => a - b),
  load: (saved) => new Set(saved as number[]),
  each: (item: number, { state: seen }) => {
    const before = seen.has(item)
    seen.add(item)
    return before ? -item : item
  },
})

/** A source that knows where it was. */
const countTo = operator({
  name: 'countTo',
  check: ({ n }: { n: number }) => expect(n).toBeGreaterThan(0),
  state: () => ({ at: 0 }),
  async *run(_: AsyncIterable<never>, { params, state }) {
    while (state.at < params.n) yield state.at++
  },
})

type Shape = (plan: Plan, source: () => Flow<number>) => Flow<unknown>

const half = (item: number) => [item, item + 1]
const later = async (item: number) => item

/** Deterministic plans: what is left to give after a checkpoint is known exactly. */
const exact: Readonly<Record<string, Shape>> = {
  chain: (_, source) => source().via(runningSum()).via(seenBefore()),
  buffers: (_, source) => source().batch(3).flatten().combine(half).batch(2),
  take: (_, source) => source().via(runningSum()).take(7),
  concurrent: (_, source) => source().forEach(later, { concurrency: 3 }).batch(2),
  roundRobin: (plan, source) =>
    plan.concurrently([source().batch(2), source().via(runningSum())], {
      mode: 'roundRobin',
      weights: [1.5, 2],
      seed: 3,
    }),
  queue(plan, source) {
    const queue = plan.queue<number>('q', { capacity: 4, whenFull: 'block' })
    const flows = [source().via(runningSum()).enqueue(queue), plan.dequeue(queue).batch(2)]
    return plan.concurrently(flows, { mode: 'roundRobin', weights: [3, 1], output: 1 })
  },
  split(plan, source) {
    const [even, odd] = source().split(2, (item) => item % 2, { capacity: 12 })
    return plan.concurrently([even!.via(runningSum()), odd!.batch(2)], { mode: 'roundRobin' })
  },
}

/** Through JSON: a checkpoint is plain data. */
const throughJson = (checkpoint: Checkpoint) => JSON.parse(JSON.stringify(checkpoint)) as Checkpoint

describe.each(Object.keys(exact))('%s', (shape) => {
  const build = () => {
    const plan = new Plan()
    return { plan, flow: exact[shape]!(plan, () => plan.source(countTo({ n: 12 }))) }
  }

  test('stopped at any item, saved and loaded into a fresh plan, it gives the same as without a stop', async () => {
    const whole = await collect(build().flow)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }), async (stops) => {
        const got: unknown[] = []
        let checkpoint: Checkpoint | undefined
        for (const stop of [...stops, Infinity]) {
          const { plan, flow } = build()
          if (checkpoint !== undefined) plan.load(checkpoint)
          got.push(...(await first(plan.run(flow), stop)))
          checkpoint = throughJson(plan.save())
        }
        expect(got).toEqual(whole)
      }),
      { numRuns: 40 },
    )
  })
})

test('asynchronous branches, stopped anywhere, neither lose an item nor give one twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }), fc.boolean(), async (stops, wait) => {
      const got: number[] = []
      let checkpoint: Checkpoint | undefined
      for (const stop of [...stops, Infinity]) {
        const plan = new Plan()
        const queue = plan.queue<number>('q', { capacity: 2, whenFull: 'block' })
        const [a, b] = plan.source(countTo({ n: 20 })).split(2, (item) => (item % 3 === 0 ? 1 : 0))
        const flows = [a!.forEach(later, { concurrency: 2 }).enqueue(queue), plan.dequeue(queue).forEach(later), b!]
        const flow = plan.concurrently(flows, { mode: 'async', output: [1, 2] })
        if (checkpoint !== undefined) plan.load(checkpoint)
        const run = plan.run(flow)
        for (let i = 0; i < stop; i++) {
          const { done, value } = await run.next()
          if (done === true) break
          got.push(value)
          if (wait) await turn()
        }
        await run.return()
        checkpoint = throughJson(plan.save())
      }
      expect(got.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    }),
    { numRuns: 40 },
  )
})

test('an abort while the plan works loses nothing either', async () => {
  const all: number[] = []
  let checkpoint: Checkpoint | undefined
  for (let stop = 0; stop < 40; stop++) {
    const plan = new Plan()
    const source = plan.source(countTo({ n: 15 }))
    const flow = source.forEach(later, { concurrency: 3 }).union(plan.source('none', []))
    if (checkpoint !== undefined) plan.load(checkpoint)
    const controller = new AbortController()
    const reading = (async () => {
      for await (const item of plan.run(flow, { signal: controller.signal })) all.push(item)
    })()
    for (let i = 0; i < stop; i++) await Promise.resolve()
    controller.abort()
    await reading
    checkpoint = throughJson(plan.save())
  }
  expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, i) => i))
})

test('metrics go into the checkpoint and go on from it', async () => {
  const build = () => {
    const plan = new Plan()
    const count = (item: number) => {
      plan.metrics.counter('items').add(1)
      plan.metrics.gauge('size').record(item)
      plan.metrics.timer('work').record(item * 2)
      return item
    }
    return { plan, flow: plan.source(countTo({ n: 4 })).forEach(count) }
  }
  const one = build()
  await first(one.plan.run(one.flow), 3)
  const two = build()
  two.plan.load(throughJson(one.plan.save()))
  await collect(two.plan.run(two.flow))
  expect(two.plan.metrics.save()).toEqual({
    counters: { items: 4 },
    gauges: { size: { count: 4, total: 6, min: 0, max: 3, last: 3 } },
    timers: { work: { count: 4, total: 12, min: 0, max: 6, last: 6 } },
  })
  expect(two.plan.metrics.gauge('size').mean).toBe(1.5)
})

test('a run without a checkpoint starts fresh; a checkpoint is a copy that a later run does not touch', async () => {
  const plan = new Plan()
  const flow = plan.source(countTo({ n: 3 })).via(runningSum())
  expect(await collect(plan.run(flow))).toEqual([0, 1, 3])
  const saved = plan.save()
  const kept = structuredClone(saved)
  expect(await collect(plan.run(flow))).toEqual([0, 1, 3])
  expect(saved).toEqual(kept)
})

test('a checkpoint of another version or of another plan is refused', () => {
  const code = expect.objectContaining({ code: 'E_PLAN_CHECKPOINT' })
  const plan = new Plan()
  plan.source('items', [1]).batch(2)
  const saved = plan.save()
  expect(() => plan.load({ ...saved, version: 2 as 1 })).toThrow(code)
  const other = new Plan()
  other.source('items', [1]).take(2)
  expect(() => other.load(saved)).toThrow(code)
  plan.source('one more', [1])
  expect(() => plan.load(saved)).toThrow(code)
})
