import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { impala } from '../../../learner/algorithms/impala.ts'
import { Plan, mermaid } from '../../../learner/flow/index.ts'

const SHARDS = 2
const setting = { shards: SHARDS, fragmentSteps: 640 }

function graphOf(config: Parameters<typeof impala>[0]): string {
  const plan = new Plan('impala')
  impala(config).plan(plan, setting)
  return mermaid(plan.graph())
}

test('the plan takes at most 30 lines', () => {
  const source = readFileSync(new URL('../../../learner/algorithms/impala.ts', import.meta.url), 'utf8')
  const plan = /^ {2}plan\(.*?^ {2}\},$/ms.exec(source)?.[0] ?? ''
  const lines = plan.split('\n').length
  expect(plan).toContain('concurrently')
  expect(lines).toBeGreaterThan(5)
  expect(lines).toBeLessThanOrEqual(30)
})

test('its graph is the paper’s figure', () => {
  expect(graphOf({})).toMatchInlineSnapshot(`
    "flowchart LR
      subgraph source [at the source]
        n1["rollouts"]
      end
      n0[("learner<br/>capacity 2, whenFull block")]
      n2["gatherAsync<br/>inFlight 2, reissue before"]
      n3["dropStale<br/>maxPolicyLag 8"]
      n4["concatBatches<br/>minSteps 500"]
      n5["enqueue"]
      n6["dequeue"]
      n7["countSamples"]
      n8["trainOneStep<br/>rates (learning_rate 0.002, entropy_coef 0.003), publishEvery 1"]
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
})
