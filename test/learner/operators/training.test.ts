import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Schedule } from '../../../learner/run/clocks.ts'
import { Plan } from '../../../learner/flow/index.ts'
import { publishPolicy, trainOneStep } from '../../../learner/operators/training.ts'
import type { Publisher } from '../../../learner/publish/publisher.ts'
import { learner as learnerKey, publisher as publisherKey, runState } from '../../../learner/resources.ts'
import { RunState } from '../../../learner/run/state.ts'
import type { Learner, TrainOptions } from '../../../learner/training/learner.ts'
import type { UpdateResult } from '../../../learner/run/updateResult.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { fragmentOf } from '../rollouts/inboxes.ts'

/** A learner that remembers what it was asked. */
function fakeLearner(trained: TrainOptions[], fail?: number): Learner {
  return {
    busyMs: 0,
    rewardScale: 1,
    save: async () => ({ sets: {}, scalars: {}, calls: {}, random: [0, 0, 0, 0] }),
    policy: async () => new Uint8Array([0]),
    async train(_fragments, options) {
      trained.push(options)
      if (trained.length === fail) throw new MillraceError('E_TRAIN_DIVERGED', 'loss is NaN')
      return {
        metrics: { loss: trained.length },
        policy: options.wantPolicy ? new Uint8Array([trained.length]) : undefined,
      }
    },
    close: async () => undefined,
  }
}

const versionOf = (sequence: number, policyVersion: number) => fragmentOf(0, sequence, { policyVersion })

async function training(batches: readonly SampleBatch[][], params: Parameters<typeof trainOneStep>[0], fail?: number) {
  const acknowledged: SampleBatch[] = []
  const trained: TrainOptions[] = []
  const state = new RunState((fragment) => acknowledged.push(fragment))
  const plan = new Plan()
  const flow = plan.source<readonly SampleBatch[]>('batches', batches).via(trainOneStep(params))
  const resources = [learnerKey.of(fakeLearner(trained, fail)), runState.of(state)]
  const out: UpdateResult[] = []
  const running = async () => {
    for await (const update of plan.run(flow, { resources })) out.push(update)
  }
  return { running, out, trained, state, acknowledged }
}

test('an update names its version, clocks, lag and fragments; its fragments are acknowledged after it, not before', async () => {
  const batches = [
    [versionOf(0, 0), versionOf(1, 0)],
    [versionOf(2, 0), versionOf(3, 1)],
    [versionOf(4, 0), versionOf(5, 2)],
  ]
  const t = await training(batches, { rates: { learning_rate: 0.1, entropy_coef: 0.01 }, publishEvery: 2 })
  await t.running()
  expect(t.out.map(({ policyVersion, updates, trainedSteps }) => [policyVersion, updates, trainedSteps])).toEqual([
    [1, 1, 24],
    [2, 2, 48],
    [3, 3, 72],
  ])
  expect(t.out.map(({ lag }) => lag)).toEqual([
    { min: 0, mean: 0, max: 0 },
    { min: 0, mean: 0.5, max: 1 },
    { min: 0, mean: 1, max: 2 },
  ])
  expect(t.out[1]?.provenances).toEqual(batches[1]?.map(({ provenance }) => provenance))
  expect(t.out[2]?.metrics).toEqual({ loss: 3, learning_rate: 0.1 })
  expect(t.acknowledged).toEqual(batches.flat())
})

test('the policy is asked for at every so many updates, and the version it is published under is the count of updates', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.nat(12), async (publishEvery, updates) => {
      const batches = Array.from({ length: updates }, (_, n) => [versionOf(n, 0)])
      const t = await training(batches, { rates: { learning_rate: 1, entropy_coef: 0 }, publishEvery })
      await t.running()
      for (const { policyVersion, policy } of t.out)
        expect(policy !== undefined).toBe(policyVersion % publishEvery === 0)
      expect(t.trained.filter(({ wantPolicy }) => wantPolicy)).toHaveLength(Math.floor(updates / publishEvery))
    }),
    { numRuns: 25 },
  )
})

test('a schedule is read on its own clock, as it stands before the update (RLlib Flow’s Q6)', async () => {
  const schedule = (clock: Schedule['clock'], over: number): Schedule => ({ clock, from: 1, to: 0, over })
  const batches = Array.from({ length: 4 }, (_, n) => [versionOf(n, 0)])
  const t = await training(batches, {
    rates: { learning_rate: schedule('updates', 4), entropy_coef: schedule('trainedSteps', 24) },
    publishEvery: 1,
  })
  await t.running()
  expect(t.trained.map(({ rates }) => rates['learning_rate'])).toEqual([1, 0.75, 0.5, 0.25])
  expect(t.trained.map(({ rates }) => rates['entropy_coef'])).toEqual([1, 0.5, 0, 0])
  expect(t.out.map(({ metrics }) => metrics['learning_rate'])).toEqual([1, 0.75, 0.5, 0.25])
})

test('an update that fails ends the plan with its error; its fragments count as neither trained nor consumed', async () => {
  const batches = [[versionOf(0, 0)], [versionOf(1, 0)], [versionOf(2, 0)]]
  const t = await training(batches, { rates: { learning_rate: 1, entropy_coef: 0 }, publishEvery: 1 }, 2)
  await expect(t.running()).rejects.toThrow('loss is NaN')
  expect(t.out).toHaveLength(1)
  expect(t.state.clocks).toMatchObject({ updates: 1, trainedSteps: 12 })
  expect(t.acknowledged).toEqual(batches[0])
})

const updateOf = (policyVersion: number, publishes: boolean): UpdateResult => ({
  envSteps: 0,
  trainedSteps: 0,
  updates: policyVersion,
  policyVersion,
  meanReturn: null,
  episodes: 0,
  metrics: {},
  lag: { min: 0, mean: 0, max: 0 },
  provenances: [],
  policy: publishes ? new Uint8Array([policyVersion]) : undefined,
})

test('every version is published once, in order, one at a time, while the next update is made; the end waits for the last', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.boolean(), { maxLength: 8 }),
      fc.boolean(),
      async (scheduler, publishes, early) => {
        const log: string[] = []
        const publisher = {
          async publish(version: number, model: Uint8Array) {
            expect([...model]).toEqual([version])
            log.push(`begin ${version}`)
            await scheduler.schedule(Promise.resolve(), `write ${version}`)
            log.push(`end ${version}`)
          },
        } as unknown as Publisher
        async function* updates() {
          for (const [i, does] of publishes.entries()) {
            await scheduler.schedule(Promise.resolve(), `update ${i + 1}`)
            yield updateOf(i + 1, does)
          }
        }
        const plan = new Plan()
        const flow = plan.source('updates', updates()).via(publishPolicy())
        const out: number[] = []
        const running = (async () => {
          for await (const { policyVersion } of plan.run(flow, { resources: [publisherKey.of(publisher)] })) {
            out.push(policyVersion)
            if (early && policyVersion === 3) break
          }
          log.push('over')
        })()
        await scheduler.waitFor(running)
        const seen = early ? Math.min(3, publishes.length) : publishes.length
        expect(out).toEqual(Array.from({ length: seen }, (_, i) => i + 1))
        const published = out.filter((version) => publishes[version - 1])
        expect(log).toEqual([...published.flatMap((version) => [`begin ${version}`, `end ${version}`]), 'over'])
      },
    ),
    { numRuns: 80 },
  )
})

test('writing does not hold up the next update: it is asked for before the write has ended', async () => {
  let finish: () => void = () => undefined
  const publisher = { publish: () => new Promise<void>((resolve) => (finish = resolve)) } as unknown as Publisher
  const plan = new Plan()
  const flow = plan.source('updates', [updateOf(1, true), updateOf(2, false)]).via(publishPolicy())
  const run = plan.run(flow, { resources: [publisherKey.of(publisher)] })[Symbol.asyncIterator]()
  expect(await run.next()).toMatchObject({ value: { policyVersion: 1 } })
  const second = run.next()
  finish()
  expect(await second).toMatchObject({ value: { policyVersion: 2 } })
  expect(await run.next()).toMatchObject({ done: true })
})

test.each([1, 2])('a write that fails (the %s. of two) ends the plan with its error', async (which) => {
  let call = 0
  const publisher = {
    async publish() {
      if (++call === which) throw new MillraceError('E_STORE', 'no bucket')
    },
  } as unknown as Publisher
  const plan = new Plan()
  const flow = plan.source('updates', [updateOf(1, true), updateOf(2, true)]).via(publishPolicy())
  const running = async () => {
    for await (const _ of plan.run(flow, { resources: [publisherKey.of(publisher)] }));
  }
  await expect(running()).rejects.toThrow('no bucket')
})
