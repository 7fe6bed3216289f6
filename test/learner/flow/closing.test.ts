import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { operator, Plan, resource } from '../../../learner/flow/index.ts'
import type { Flow } from '../../../learner/flow/index.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { collect, first, Hand, turn, Workers } from './helpers.ts'

const pass = (item: number) => item

/** Shapes of a plan over any number of sources, with everything that can hold a pull. */
const shapes: Readonly<Record<string, (plan: Plan, from: readonly Flow<number>[]) => Flow<unknown>>> = {
  chain: (_, [a]) => a!.forEach(pass).batch(2).flatten().forEach(pass),
  concurrent: (_, [a]) => a!.forEach(pass, { concurrency: 3 }),
  union: (_, [a, b]) => a!.union(b!),
  async: (plan, [a, b]) => plan.concurrently([a!, b!.batch(2)], { mode: 'async', output: 0 }),
  roundRobin: (plan, [a, b]) => plan.concurrently([a!, b!], { mode: 'roundRobin', weights: [1, '*'] }),
  duplicate: (plan, [a]) => plan.concurrently(a!.duplicate(2), { mode: 'async' }),
  split: (plan, [a]) =>
    plan.concurrently(
      a!.split(2, (item) => item % 2),
      { mode: 'async' },
    ),
  queue(plan, [a, b]) {
    const queue = plan.queue<number>('q', { capacity: 1, whenFull: 'block' })
    return plan.concurrently([a!.enqueue(queue), b!.enqueue(queue), plan.dequeue(queue)], { mode: 'async', output: 2 })
  },
}

describe.each(Object.keys(shapes))('%s', (shape) => {
  /** A plan over three sources given by hand, closed when the plan ends. */
  const build = () => {
    const plan = new Plan()
    const hands: Hand<number>[] = []
    const opened = (i: number) =>
      plan.source(`hand ${i}`, ({ signal }) => {
        const hand = new Hand<number>(signal)
        hands.push(hand)
        for (const item of [1, 2, 3, 4]) hand.give(item)
        return hand
      })
    return { plan, hands, flow: shapes[shape]!(plan, [opened(0), opened(1), opened(2)]) }
  }

  test('the end of the consumer closes every source that was opened, once, while pulls are outstanding', async () => {
    for (const n of [1, 2, 3]) {
      const { hands, flow } = build()
      await first(flow, n)
      expect(hands.length).toBeGreaterThan(0)
      expect(hands.map((hand) => hand.closed)).toEqual(hands.map(() => 1))
    }
  })

  test('an abort ends the iteration quietly, also while it waits', async () => {
    const { plan, hands, flow } = build()
    const controller = new AbortController()
    const run = plan.run(flow, { signal: controller.signal })
    let ended = false
    const reading = (async () => {
      for await (const item of run) void item
      ended = true
    })()
    await turn()
    expect(ended).toBe(false)
    controller.abort()
    await reading
    expect(run.closed).toBe(true)
    expect(hands.map((hand) => hand.closed)).toEqual(hands.map(() => 1))
  })

  test('nothing is pulled without demand, and no timer or polling loop runs while it waits', async () => {
    const { hands, flow } = build()
    const run = flow[Symbol.asyncIterator]()
    await turn()
    expect(hands).toEqual([])
    const reading = (async () => {
      for (;;) if ((await run.next()).done === true) return
    })()
    await turn()
    const asked = hands.map((hand) => hand.asked)
    const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'] as const
    const real = timers.map((name) => [name, globalThis[name]] as const)
    let made = 0
    for (const [name, timer] of real) {
      Object.assign(globalThis, {
        [name]: (...args: never[]) => (made++, (timer as (...a: never[]) => unknown)(...args)),
      })
    }
    const busy = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate').length
    // Three turns of the event loop on a channel of our own, so that the timers are not ours.
    const { port1, port2 } = new MessageChannel()
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => {
        port1.once('message', resolve)
        port2.postMessage(i)
      })
    }
    port1.close()
    for (const [name, timer] of real) Object.assign(globalThis, { [name]: timer })
    expect(made).toBe(0)
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate').length).toBe(
      busy,
    )
    expect(hands.map((hand) => hand.asked)).toEqual(asked)
    await run.return?.()
    await reading
  })

  test('an error of one operator closes everything and comes out once, with its place', async () => {
    const plan = new Plan()
    const hands: Hand<number>[] = []
    const boom = new Error('boom')
    const opened = (i: number) =>
      plan
        .source(`hand ${i}`, ({ signal }) => {
          const hand = new Hand<number>(signal)
          hands.push(hand)
          for (const item of [1, 2, 3]) hand.give(item)
          return hand
        })
        .forEach(function fragile(item: number) {
          if (i === 0 && item === 2) throw boom
          return item
        })
    const run = plan.run(shapes[shape]!(plan, [opened(0), opened(1), opened(2)]))
    const operator = 'forEach(fragile)'
    const path = `hand 0/${operator}`
    const error = await collect(run).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'E_OPERATOR', where: { operator, path }, cause: boom })
    expect((error as Error).message).toBe('forEach(fragile) failed: boom')
    expect(hands.map((hand) => hand.closed)).toEqual(hands.map(() => 1))
    expect(await run.next()).toEqual({ done: true, value: undefined })
  })
})

test('backpressure: no source is pulled further ahead of the consumer than the bounds of the plan', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 3 }), async (n, capacity) => {
      const bounds: Readonly<Record<string, number>> = {
        chain: 0,
        queue: capacity + 1,
        concurrent: capacity - 1,
        async: 0,
        duplicate: capacity,
      }
      for (const [name, ahead] of Object.entries(bounds)) {
        const plan = new Plan()
        let pulled = 0
        const source = plan.source('counting', function* () {
          while (true) yield pulled++
        })
        const flows: Readonly<Record<string, () => Flow<unknown>>> = {
          chain: () =>
            source
              .forEach(pass)
              .filter(() => true)
              .combine((item) => [item]),
          queue() {
            const queue = plan.queue<number>('q', { capacity, whenFull: 'block' })
            const flows = [source.enqueue(queue), plan.dequeue(queue)] as const
            return plan.concurrently(flows, { mode: 'async', output: 1 })
          },
          concurrent: () => source.forEach(pass, { concurrency: capacity }),
          async: () => plan.concurrently([source], { mode: 'async' }),
          duplicate() {
            const [a, b] = source.duplicate(2, { capacity })
            return plan.concurrently([a!, b!.filter(() => false)], { mode: 'async', output: 0 })
          },
        }
        const run = plan.run(flows[name]!())
        for (let i = 0; i < n; i++) {
          await run.next()
          await turn()
        }
        expect(pulled, name).toBeLessThanOrEqual(n === 0 ? 0 : n + ahead)
        await run.return()
      }
    }),
    { numRuns: 15 },
  )
})

test('take closes what is upstream when it is asked for more, while the rest of the plan goes on', async () => {
  const plan = new Plan()
  const closed: string[] = []
  const endless = (name: string) =>
    plan.source(name, function* () {
      try {
        while (true) yield name
      } finally {
        closed.push(name)
      }
    })
  const flow = plan.concurrently([endless('a').take(2), endless('b').take(4)], { mode: 'roundRobin' })
  const seen: [string, readonly string[]][] = []
  for await (const item of flow) seen.push([item, [...closed]])
  expect(seen.map(([item]) => item)).toEqual(['a', 'b', 'a', 'b', 'b', 'b'])
  expect(seen.at(-1)?.[1]).toEqual(['a'])
  expect(closed).toEqual(['a', 'b'])
})

test('when the last output branch has ended, a branch that would never end is closed', async () => {
  const plan = new Plan()
  const hand = new Hand<number>()
  const flow = plan.concurrently([plan.source('endless', hand), plan.source('items', [1, 2])], {
    mode: 'async',
    output: 1,
  })
  expect(await collect(flow)).toEqual([1, 2])
  expect(hand.closed).toBe(1)
})

test('a writer ends when the last reader of its queue has, and the item in its hand stays in the queue', async () => {
  const plan = new Plan()
  const queue = plan.queue<number>('q', { capacity: 1, whenFull: 'block' })
  const flows = [plan.source('items', [1, 2, 3, 4, 5]).enqueue(queue), plan.dequeue(queue).take(2)]
  const all = await collect(plan.concurrently(flows, { mode: 'async' }))
  expect(all.length).toBeLessThanOrEqual(2 + 4)
  const held = plan.save().nodes['queue(q)']!.held
  expect(held).toEqual([3, 4, 5].slice(0, held.length))
})

test('a source that ignores the signal is waited for, and the item it was asked for comes out', async () => {
  const hand = new Hand<number>()
  const source = { [Symbol.asyncIterator]: () => ({ next: () => hand[Symbol.asyncIterator]().next() }) }
  const run = new Plan().source('deaf', source)[Symbol.asyncIterator]()
  const next = run.next()
  let returned = false
  const returning = run.return?.().then(() => (returned = true))
  await turn()
  expect(returned).toBe(false)
  hand.give(5)
  await returning
  expect(await next).toEqual({ done: false, value: 5 })
})

test('a MillraceError keeps its code and what it says, and gains its place', async () => {
  const steady = operator({
    name: 'steady',
    async *run(source: AsyncIterable<number>) {
      for await (const item of source) {
        yield item
        throw new MillraceError('E_BATCH_VALUE', 'rewards hold a NaN', { shard: 3 })
      }
    },
  })
  const flow = new Plan().source('items', [1, 2]).via(steady()).batch(2)
  await expect(collect(flow)).rejects.toMatchObject({
    code: 'E_BATCH_VALUE',
    message: 'rewards hold a NaN',
    where: { shard: 3, operator: 'steady', path: 'items/steady' },
  })
})

test('errors of closing come beside the error that closed, or alone if there is none', async () => {
  const failing = (plan: Plan, name: string) => {
    const refuse = async () => {
      throw new Error(`${name} cannot close`)
    }
    const source = { next: async () => ({ done: false as const, value: 1 }), return: refuse }
    return plan.source(name, { [Symbol.asyncIterator]: () => source })
  }
  const plan = new Plan()
  const both = failing(plan, 'a').union(failing(plan, 'b'))
  const alone = await first(both, 2).catch((error: unknown) => error)
  expect(alone).toMatchObject({ code: 'E_OPERATOR', where: { path: 'a' } })
  const messages = (error: unknown) =>
    ((error as Error).cause as AggregateError).errors.map((e) => (e as Error).message)
  expect(messages(alone)).toEqual(['a failed: a cannot close', 'b failed: b cannot close'])

  const other = new Plan()
  const beside = failing(other, 'c').forEach(() => {
    throw new Error('work')
  })
  const error = await collect(beside).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'E_OPERATOR', where: { operator: 'forEach(anonymous)' } })
  expect(messages(error)).toEqual(['work', 'c failed: c cannot close'])
})

test('an abort lets the item being worked on come out, and rejects what waits with E_PLAN_ABORTED', async () => {
  const plan = new Plan()
  const controller = new AbortController()
  let finish = () => {}
  const working = new Promise<void>((resolve) => (finish = resolve))
  const seen: unknown[] = []
  const slow = operator({
    name: 'slow',
    async *run(source: AsyncIterable<number>, { ctx }) {
      for await (const item of source) {
        await working
        yield item
        await ctx.wait(new Promise(() => {})).catch((error: unknown) => {
          seen.push(ctx.signal.reason === error && (error as MillraceError).code)
          throw error
        })
      }
    },
  })
  const run = plan.run(plan.source('items', [1, 2]).via(slow()), { signal: controller.signal })
  const next = run.next()
  await turn()
  controller.abort()
  finish()
  expect(await next).toEqual({ done: false, value: 1 })
  expect((await run.next()).done).toBe(true)

  const again = new AbortController()
  const waiting = plan.run(plan.source('more', [1]).via(slow()), { signal: again.signal })
  await waiting.next()
  const last = waiting.next()
  await turn()
  again.abort()
  expect((await last).done).toBe(true)
  expect(seen).toEqual(['E_PLAN_ABORTED'])
})

test('a plan whose signal was aborted before does not open its source', async () => {
  let opened = 0
  const plan = new Plan()
  const flow = plan.source('items', () => [opened++])
  expect(await collect(plan.run(flow, { signal: AbortSignal.abort() }))).toEqual([])
  expect(opened).toBe(0)
})

test('outstanding requests of a gather are given up when the plan ends, and the source is closed once', async () => {
  const workers = new Workers<number>(['a', 'b'])
  const run = new Plan().source('workers', workers).gatherAsync({ inFlight: 2 })[Symbol.asyncIterator]()
  const next = run.next()
  await turn()
  expect(workers.asked).toBe(4)
  await run.return?.()
  expect((await next).done).toBe(true)
  expect(workers.closed).toBe(1)
})

describe('what fails before anything starts', () => {
  const store = resource<string[]>('store')
  const keep = operator({
    name: 'keep',
    uses: [store],
    each: (item: number, { ctx }) => ctx.use(store).push(String(item)),
  })

  test('a missing resource, named with its operator; a provided one is used', async () => {
    const plan = new Plan()
    const flow = plan.source('items', [1, 2]).via(keep())
    expect(() => plan.run(flow)).toThrow(
      expect.objectContaining({ code: 'E_PLAN_RESOURCE', where: { operator: 'keep', path: 'items/keep' } }),
    )
    const kept: string[] = []
    await collect(plan.run(flow, { resources: [store.of(kept)] }))
    expect(kept).toEqual(['1', '2'])
  })

  test('a resource that is used but not declared', async () => {
    const sneaky = operator({ name: 'sneaky', each: (item: number, { ctx }) => ctx.use(store).push(String(item)) })
    const plan = new Plan()
    const run = plan.run(plan.source('items', [1]).via(sneaky()), { resources: [store.of([])] })
    await expect(run.next()).rejects.toMatchObject({ code: 'E_PLAN_RESOURCE' })
  })

  test('parameters that cannot work', () => {
    const plan = new Plan()
    const flow = plan.source('items', [1, 2])
    const parameter = expect.objectContaining({ code: 'E_PLAN_PARAMETER' })
    for (const n of [0, -1, 1.5, Number.NaN]) {
      expect(() => flow.batch(n)).toThrow(parameter)
      expect(() => flow.duplicate(n)).toThrow(parameter)
      expect(() => flow.duplicate(2, { capacity: n })).toThrow(parameter)
      expect(() => flow.forEach(pass, { concurrency: n })).toThrow(parameter)
      expect(() => plan.queue(`q${n}`, { capacity: n, whenFull: 'block' })).toThrow(parameter)
      expect(() => plan.source('w', new Workers(['a'])).gatherAsync({ inFlight: n })).toThrow(parameter)
    }
    expect(() => flow.take(-1)).toThrow(parameter)
    const flows = [flow]
    for (const weights of [[], [0], [-1], [Infinity], [1, 1]]) {
      expect(() => plan.concurrently(flows, { mode: 'roundRobin', weights })).toThrow(parameter)
    }
    expect(() => plan.concurrently(flows, { mode: 'async', weights: [1] })).toThrow(parameter)
    expect(() => plan.concurrently(flows, { mode: 'async', output: 1 })).toThrow(parameter)
    expect(() => plan.concurrently(flows, { mode: 'async', output: [] })).toThrow(parameter)
  })

  test('parameters that are not plain data', () => {
    const any = operator<number, number, unknown>({ name: 'any', each: (item) => item })
    for (const bad of [
      { f: () => 1 },
      { date: new Date() },
      [Number.NaN],
      { deep: { map: new Map() } },
      Symbol('s'),
      1n,
    ]) {
      expect(() => any(bad)).toThrow(expect.objectContaining({ code: 'E_PLAN_PARAMETER' }))
    }
    const made = any({ a: [1, 'x', null, true], b: { c: undefined } })
    expect(made).toEqual({ name: 'any', params: { a: [1, 'x', null, true], b: {} } })
    expect(Object.isFrozen(made.params)).toBe(true)
  })

  test('a shape that would wait for ever, or lose items', () => {
    const shape = expect.objectContaining({ code: 'E_PLAN_SHAPE' })
    const plan = new Plan()
    const flow = plan.source('items', [1])
    const queue = plan.queue<number>('q', { capacity: 1, whenFull: 'block' })
    const [a] = flow.duplicate(2)
    expect(() => flow.batch(2)).toThrow(shape)
    expect(() => plan.run(a!)).toThrow(shape)
    expect(() => plan.run(plan.dequeue(queue))).toThrow(shape)
    expect(() => plan.run(plan.source('more', [1]).enqueue(queue))).toThrow(shape)
    expect(() => plan.queue('q', { capacity: 1, whenFull: 'block' })).toThrow(shape)
    const each = operator({ name: 'each', each: (item: never) => item })
    expect(() => plan.source(each())).toThrow(shape)
    expect(() => new Plan().concurrently([plan.source('last', [1])], { mode: 'async' })).toThrow(shape)
  })

  test('a second run of a plan that is still running', async () => {
    const plan = new Plan()
    const flow = plan.source('items', [1, 2])
    const run = plan.run(flow)
    await run.next()
    expect(() => plan.run(flow)).toThrow(expect.objectContaining({ code: 'E_PLAN_SHAPE' }))
    await run.return()
    expect(await collect(plan.run(flow))).toEqual([1, 2])
  })
})
