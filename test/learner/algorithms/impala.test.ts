import fc from 'fast-check'
import { expect, test } from 'vitest'
import { impala } from '../../../learner/algorithms/impala.ts'
import { exactVersion } from '../../../shared/rollout/pace.ts'
import { Plan, mermaid } from '../../../learner/flow/index.ts'

const SHARDS = 2
const setting = { shards: SHARDS, fragmentSteps: 640 }

function graphOf(config: Parameters<typeof impala>[0]): string {
  const plan = new Plan('impala')
  impala(config).plan(plan, setting)
  return mermaid(plan.graph())
}

test('its graph is the paper’s figure', () => {
  expect(graphOf({})).toMatchInlineSnapshot(`
    "flowchart LR
      subgraph source [at the source]
        n1["rollouts"]
      end
      n0[("learner<br/>capacity 2, whenFull block")]
      n2["gatherAsync<br/>inFlight 2, reissue before"]
      n3["dropStale<br/>maxPolicyLag 8"]
      n4["concatBatches<br/>minSteps 640"]
      n5["enqueue"]
      n6["dequeue"]
      n7["countSamples"]
      n8["trainOneStep<br/>rates (learning_rate 0.002, entropy_coef 0.01), publishEvery 1"]
      n9["publishPolicy"]
      n10["concurrently<br/>mode async, output [1]"]
      n1 --> n2
      n2 --> n3
      n3 --> n4
      n4 --> n5
      n5 --> n0
      n0 --> n6
      n6 --> n7
      n7 --> n8
      n8 --> n9
      n5 --> n10
      n9 --> n10
    "
  `)
})

test('the deterministic mode differs by putting fragments in order, and by nothing else', () => {
  const plain: string[] = graphOf({}).match(/"[a-zA-Z]+/g) ?? []
  const ordered: string[] = graphOf({ deterministic: true }).match(/"[a-zA-Z]+/g) ?? []
  expect(ordered.filter((name) => !plain.includes(name))).toEqual(['"inOrder'])
  expect(ordered).toHaveLength(plain.length + 1)
})

test('an update’s fragments are as few as reach the train batch, and the pace of all shards together is one update’s', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 4 }),
      (trainBatchSteps, fragmentSteps, shards, publishEvery) => {
        const algorithm = impala({ trainBatchSteps, publishEvery })
        const fragments = algorithm.fragmentsPerUpdate({ shards, fragmentSteps })
        expect(fragments * fragmentSteps).toBeGreaterThanOrEqual(trainBatchSteps)
        expect((fragments - 1) * fragmentSteps).toBeLessThan(trainBatchSteps)
        const { perVersion, mode } = algorithm.pacing({ shards, fragmentSteps })
        expect(perVersion * shards).toBeCloseTo(fragments * publishEvery, 6)
        expect(mode).toBe('newest')
      },
    ),
  )
  expect(impala({ deterministic: true }).pacing(setting).mode).toBe('exact')
})

test('an exact pace makes every fragment of a batch lag by `lead` updates, and 0 is exactly synchronous', () => {
  fc.assert(
    fc.property(
      fc.record({
        trainBatchSteps: fc.integer({ min: 1, max: 2_000 }),
        fragmentSteps: fc.integer({ min: 50, max: 2_000 }),
        shards: fc.integer({ min: 1, max: 16 }),
        lead: fc.integer({ min: 0, max: 5 }),
      }),
      ({ trainBatchSteps, fragmentSteps, shards, lead }) => {
        const exact = lead === 0 ? { maxPolicyLag: 0 } : { maxPolicyLag: lead, deterministic: true }
        const algorithm = impala({ trainBatchSteps, lead, ...exact })
        const sizes = { shards, fragmentSteps }
        const pacing = algorithm.pacing(sizes)
        const fragments = algorithm.fragmentsPerUpdate(sizes)
        expect(pacing.mode).toBe('exact')
        const lags = Array.from({ length: 8 * fragments }, (_, fragment) => {
          const update = Math.floor(fragment / fragments)
          return update - exactVersion(pacing, Math.floor(fragment / shards)) - Math.min(lead, update)
        })
        expect(new Set(lags)).toEqual(new Set([0]))
      },
    ),
  )
})

test('settings that cannot work are refused with their name', () => {
  expect(() => impala({ gamma: 1.1 })).toThrow(expect.objectContaining({ code: 'E_EXPERIMENT' }))
  expect(() => impala({ trainBatchStep: 5 } as never)).toThrow("did you mean 'trainBatchSteps'")
  expect(() => impala().withConfig({ lead: -1 })).toThrow('impala.lead')
})

test('a lead that would make every batch too old is refused, with the reason', () => {
  expect(() => impala({ lead: 4, publishEvery: 2, maxPolicyLag: 9 })).toThrow(
    /maxPolicyLag: must be at least \(lead \+ 1\) \* publishEvery/,
  )
  expect(() => impala({ lead: 4, publishEvery: 2, maxPolicyLag: 10 })).not.toThrow()
  expect(() => impala({ lead: 4, publishEvery: 2, maxPolicyLag: 9, deterministic: true })).not.toThrow()
  expect(() => impala({ maxPolicyLag: 0 })).toThrow(
    'maxPolicyLag: must be at least (lead + 1) * publishEvery - 1, here 1',
  )
})
