import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Plan } from '../../../learner/flow/index.ts'
import type { PlanEvent } from '../../../learner/flow/index.ts'
import { collect, first, listSource, turn, Workers } from './helpers.ts'

const lists = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.array(fc.integer(), { maxLength: 6 }), {
  minKeys: 1,
})

describe('gatherSync', () => {
  test('is rounds in the order of the shards, shorter ones where a shard is done', async () => {
    await fc.assert(
      fc.asyncProperty(lists, async (shards) => {
        const longest = Math.max(...Object.values(shards).map((list) => list.length))
        const rounds = Array.from({ length: longest }, (_, k) =>
          Object.values(shards).flatMap((l) => l.slice(k, k + 1)),
        )
        const gathered = () => new Plan().source('shards', listSource(shards))
        expect(await collect(gathered().gatherSync())).toEqual(rounds.flat())
        expect(await collect(gathered().batchAcrossShards())).toEqual(rounds)
      }),
    )
  })

  test('is a barrier: no shard works while downstream does, and all of a round comes before the next is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), async (s, n) => {
        const names = ['a', 'b', 'c', 'd'].slice(0, n)
        const asked = new Map<string, number>()
        let working = 0
        const source = {
          shards: names,
          open: () => ({
            async request(shard: string) {
              const k = asked.get(shard) ?? 0
              asked.set(shard, k + 1)
              working++
              await s.schedule(Promise.resolve(), `${shard}${k}`)
              working--
              return k < 3 ? { kind: 'item' as const, item: k } : { kind: 'done' as const }
            },
            close: async () => {},
          }),
        }
        const seen: number[] = []
        const downstream = async (item: number) => {
          expect(working).toBe(0)
          await s.schedule(Promise.resolve(), 'downstream')
          expect(working).toBe(0)
          for (const count of asked.values()) expect(count).toBe(item + 1)
          seen.push(item)
        }
        await s.waitFor(collect(new Plan().source('shards', source).gatherSync().forEach(downstream)))
        expect(seen).toEqual([0, 1, 2].flatMap((k) => names.map(() => k)))
      }),
      { numRuns: 50 },
    )
  })

  test('a lost shard makes its round shorter, is counted, told, and asked again in the next', async () => {
    const plan = new Plan()
    const workers = new Workers<number>(['a', 'b'])
    const events: PlanEvent[] = []
    const run = plan.run(plan.source('workers', workers).batchAcrossShards(), {
      onEvent: (event) => events.push(event),
    })
    let next = run.next()
    await turn()
    workers.give('b', 2)
    workers.give('a', { kind: 'lost', reason: 'timed out' })
    expect((await next).value).toEqual([2])
    next = run.next()
    await turn()
    workers.give('b', 4)
    workers.give('a', 3)
    expect((await next).value).toEqual([3, 4])
    expect(plan.metrics.counter('lost').value).toBe(1)
    expect(events).toEqual([{ kind: 'lost', node: 'workers/batchAcrossShards', shard: 'a', reason: 'timed out' }])
    await run.return()
  })
})

describe('gatherAsync', () => {
  test('gives every item once, in order within its shard, with at most inFlight outstanding or undelivered', async () => {
    const setting = fc.record({ inFlight: fc.integer({ min: 1, max: 3 }), reissue: fc.constantFrom('before', 'after') })
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), lists, setting, async (s, shards, { inFlight, reissue }) => {
        const asked = new Map<string, number>()
        const taken = new Map<string, number>()
        const source = {
          shards: Object.keys(shards),
          open: () => {
            const turns = new Map<string, Promise<unknown>>()
            return {
              async request(shard: string) {
                const k = asked.get(shard) ?? 0
                asked.set(shard, k + 1)
                const spent = taken.get(shard) ?? 0
                expect(k + 1 - spent).toBeLessThanOrEqual(inFlight + (reissue === 'before' ? 1 : 0))
                const before = turns.get(shard)
                const mine = (async () => {
                  await before
                  await s.schedule(Promise.resolve(), shard)
                })()
                turns.set(shard, mine)
                await mine
                const list = shards[shard]!
                return k < list.length ? { kind: 'item' as const, item: k } : { kind: 'done' as const }
              },
              close: async () => {},
            }
          },
        }
        const rule = reissue
        const flow = new Plan().source('shards', source).gatherAsync({ inFlight, reissue: rule }).zipWithSource()
        const got = await s.waitFor(
          collect(
            flow.forEach((pair) => {
              taken.set(pair.shard, (taken.get(pair.shard) ?? 0) + 1)
              return pair
            }),
          ),
        )
        for (const [shard, list] of Object.entries(shards)) {
          expect(got.filter((pair) => pair.shard === shard).map(({ item }) => item)).toEqual([...list.keys()])
        }
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    { reissue: 'before' as const, whileDownstream: 2 },
    { reissue: 'after' as const, whileDownstream: 1 },
  ])(
    'reissue $reissue: $whileDownstream requests were sent when downstream works (Q8)',
    async ({ reissue, whileDownstream }) => {
      const workers = new Workers<number>(['a'])
      const run = new Plan().source('workers', workers).gatherAsync({ reissue })[Symbol.asyncIterator]()
      const next = run.next()
      await turn()
      workers.give('a', 1)
      await next
      await turn()
      expect(workers.asked).toBe(whileDownstream)
      void run.next()
      await turn()
      expect(workers.asked).toBe(2)
      await run.return?.()
    },
  )

  test('a lost shard is asked again without ending the flow; a done one is not', async () => {
    const plan = new Plan()
    const workers = new Workers<number>(['a', 'b'])
    const run = plan.run(plan.source('workers', workers).gatherAsync())
    const next = run.next()
    await turn()
    workers.give('a', { kind: 'lost', reason: 'gone' })
    workers.give('b', { kind: 'done' })
    await turn()
    expect(workers.requests.map(({ shard }) => shard)).toEqual(['a'])
    workers.give('a', 7)
    expect((await next).value).toBe(7)
    expect(plan.metrics.counter('lost').value).toBe(1)
    await run.return()
  })

  test('shards that come are asked, shards that go are asked no more and still deliver', async () => {
    const workers = new Workers<string>(['a'])
    const run = new Plan().source('workers', workers).gatherAsync()[Symbol.asyncIterator]()
    let next = run.next()
    await turn()
    workers.shards = ['b']
    workers.give('a', 'last of a')
    expect((await next).value).toBe('last of a')
    next = run.next()
    await turn()
    expect(workers.requests.map(({ shard }) => shard)).toEqual(['b'])
    workers.give('b', 'first of b')
    expect((await next).value).toBe('first of b')
    await run.return?.()
  })
})

test('pairs with their source stay right behind an operator that buffers (Q2)', async () => {
  const shards = { a: [1, 2, 3], b: [10, 20, 30] }
  const flow = new Plan().source('shards', listSource(shards)).gatherAsync({ inFlight: 2 }).zipWithSource().batch(4)
  for (const batch of await collect(flow)) {
    for (const { item, shard } of batch) expect(shards[shard as 'a' | 'b']).toContain(item)
  }
})

test('a request that fails is an error of the plan with the place of the gather', async () => {
  const workers = new Workers<number>(['a', 'b'])
  const next = new Plan().source('workers', workers).gatherSync()[Symbol.asyncIterator]().next()
  await turn()
  workers.requests[1]!.fail(new Error('no such function'))
  await expect(next).rejects.toMatchObject({
    code: 'E_OPERATOR',
    where: { operator: 'gatherSync', path: 'workers/gatherSync' },
    cause: { message: 'no such function' },
  })
  expect(workers.closed).toBe(1)
})

test('after a request has failed nothing is asked any more, and the error comes out once', async () => {
  const workers = new Workers<number>(['a', 'b'])
  const run = new Plan().source('workers', workers).gatherAsync()[Symbol.asyncIterator]()
  const next = run.next()
  await turn()
  workers.give('a', 1)
  await next
  const asked = workers.asked
  for (const request of workers.requests) request.fail(new Error(`${request.shard} failed`))
  await turn()
  const error: unknown = await run.next().catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'E_OPERATOR', message: 'gatherAsync failed: b failed' })
  expect(workers.asked).toBe(asked)
})

test('an early end closes the source once, and nothing is asked afterwards', async () => {
  const log: string[] = []
  await first(new Plan().source('shards', listSource({ a: [1, 2, 3, 4, 5, 6] }, log)).gatherAsync({ inFlight: 2 }), 1)
  const asked = log.length
  await turn()
  expect(log.length).toBe(asked)
})
