import { describe, expect, test } from 'vitest'
import { Plan, stage } from '../../../learner/flow/index.ts'
import { collect, listSource, turn, Workers } from './helpers.ts'

const times = stage<number, number, { by: number }>({ name: 'times' })

/** The vectors of RLlib Flow's own tests that a core can be held to, in its numbering. */
describe('conformance', () => {
  test('1: a stage at two shards, gathered in rounds', async () => {
    const four = () => new Plan().source('range', listSource({ a: [0, 1], b: [2, 3] }))
    expect(
      await collect(
        four()
          .atSource(times({ by: 2 }))
          .gatherSync(),
      ),
    ).toEqual([0, 4, 2, 6])
    const twice = four()
      .atSource(times({ by: 2 }))
      .atSource(times({ by: 2 }))
    expect(await collect(twice.gatherSync())).toEqual([0, 8, 4, 12])
  })

  test('2: rounds across shards as arrays', async () => {
    const plan = new Plan()
    const rounds = plan.source('range', listSource({ a: [0, 1], b: [2, 3] })).batchAcrossShards()
    expect(await collect(rounds)).toEqual([
      [0, 2],
      [1, 3],
    ])
  })

  test('3: metrics of united and nested flows are one, those of another plan apart', async () => {
    const counting = (plan: Plan, name: string) =>
      plan.source(name, [1, 2, 3, 4]).forEach(function count(item: number) {
        plan.metrics.counter('seen').add(1)
        return item
      })
    const plan = new Plan()
    const other = new Plan()
    await collect(counting(plan, 'a').union(counting(plan, 'b')).union(counting(plan, 'c')))
    await collect(counting(other, 'a'))
    expect(plan.metrics.counter('seen').value).toBe(12)
    expect(other.metrics.counter('seen').value).toBe(4)
  })

  test.each(['roundRobin', 'async'] as const)('4: %s over two ready flows alternates', async (mode) => {
    const plan = new Plan()
    const flows = [plan.source('a', [1, 2, 3]), plan.source('b', [4, 5, 6])]
    expect(await collect(plan.concurrently(flows, { mode }))).toEqual([1, 4, 2, 5, 3, 6])
  })

  test.each([
    { weights: [3, 1, 2], gives: [1, 1, 1, 2, 3, 3, 2, 3, 2] },
    { weights: [1, 1, '*'] as const, gives: [1, 2, 3, 3, 3, 1, 2, 1, 2] },
  ])('5: weights $weights', async ({ weights, gives }) => {
    const plan = new Plan()
    const flows = [1, 2, 3].map((n) => plan.source(`of ${n}`, [n, n, n]))
    expect(await collect(plan.concurrently(flows, { mode: 'roundRobin', weights }))).toEqual(gives)
  })

  test.each(['roundRobin', 'async'] as const)(
    '6: output picks whose items come out, all are run (%s)',
    async (mode) => {
      const plan = new Plan()
      const seen: number[] = []
      const see = (item: number) => void seen.push(item)
      const flows = [plan.source('a', [1, 2, 3]).forEach(see), plan.source('b', [4, 5, 6])]
      expect(await collect(plan.concurrently(flows, { mode, output: 1 }))).toEqual([4, 5, 6])
      expect(seen).toEqual([1, 2, 3])
    },
  )

  test('7: one flow twice, one side in pairs, whichever is ready', async () => {
    const plan = new Plan()
    const [a, b] = plan.source('range', [0, 1, 2, 3, 4]).duplicate(2)
    const items: unknown[] = []
    for await (const item of a!.batch(2).union(b!)) {
      items.push(item)
      await turn()
    }
    expect(items).toEqual([0, [0, 1], 1, 2, [2, 3], 3, 4, [4]])
  })

  test('8: a queue keeps the order', async () => {
    const plan = new Plan()
    const queue = plan.queue<number>('q', { capacity: 3, whenFull: 'block' })
    const flows = [plan.source('a', [1, 2, 3]).enqueue(queue), plan.dequeue(queue)]
    const run = plan.run(plan.concurrently(flows, { mode: 'roundRobin', weights: [3, 1] }))
    for (const item of [1, 2, 3]) expect((await run.next()).value).toBe(item)
    expect(plan.save().nodes['queue(q)']?.held).toEqual([1, 2, 3])
    expect(await collect(run)).toEqual([1, 2, 3])
  })

  test('15: a concurrency of two on two shards keeps exactly four at work; one that finishes starts exactly one', async () => {
    const plan = new Plan()
    const workers = new Workers<number>(['a', 'b'])
    const run = plan.run(plan.source('tasks', workers).gatherAsync({ inFlight: 2 }))
    const next = run.next()
    await turn()
    expect(workers.asked).toBe(4)
    workers.give('a', 1)
    expect((await next).value).toBe(1)
    await turn()
    expect(workers.asked).toBe(5)
    await run.return()
  })

  test('15: the same for a function here: at most k calls, one started for each delivered', async () => {
    const plan = new Plan()
    const calls: (() => void)[] = []
    const task = (item: number) => new Promise<number>((resolve) => calls.push(() => resolve(item)))
    const run = plan.run(plan.source('range', [0, 1, 2, 3, 4, 5]).forEach(task, { concurrency: 4 }))
    const next = run.next()
    await turn()
    expect(calls.length).toBe(4)
    calls[0]!()
    expect((await next).value).toBe(0)
    const then = run.next()
    await turn()
    expect(calls.length).toBe(5)
    for (const finish of calls) finish()
    await then
    await run.return()
  })
})
