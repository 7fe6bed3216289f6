import { expect, test } from 'vitest'
import { mermaid, operator, Plan, stage } from '../../../learner/flow/index.ts'
import { collect, listSource } from './helpers.ts'

const gae = stage<number, number, { lambda: number }>({ name: 'gae' })
const concat = operator({
  name: 'concat',
  check: ({ minSteps }: { minSteps: number }) => expect(minSteps).toBe(500),
  async *run(source: AsyncIterable<number>) {
    yield* source
  },
})

/** A plan in the shape of IMPALA. */
function impala() {
  const plan = new Plan('impala')
  const queue = plan.queue<number>('learner', { capacity: 2, whenFull: 'block' })
  const sample = plan
    .source('rollouts', listSource({ a: [1, 2], b: [3] }))
    .atSource(gae({ lambda: 0.95 }))
    .gatherAsync({ inFlight: 2 })
    .via(concat({ minSteps: 500 }))
    .enqueue(queue)
  const learn = plan.dequeue(queue).forEach(function train(item: number) {
    return item
  })
  return { plan, flow: plan.concurrently([sample, learn], { mode: 'async', output: 1 }) }
}

test('the graph is plain data: every node with its parameters, every edge, the queue, and what runs at the source', () => {
  const graph = impala().plan.graph()
  expect(JSON.parse(JSON.stringify(graph))).toEqual(graph)
  expect(graph).toMatchInlineSnapshot(`
    {
      "edges": [
        {
          "from": "rollouts",
          "to": "rollouts/gae",
        },
        {
          "from": "rollouts/gae",
          "to": "rollouts/gae/gatherAsync",
        },
        {
          "from": "rollouts/gae/gatherAsync",
          "to": "rollouts/gae/gatherAsync/concat",
        },
        {
          "from": "rollouts/gae/gatherAsync/concat",
          "to": "rollouts/gae/gatherAsync/concat/enqueue",
        },
        {
          "from": "rollouts/gae/gatherAsync/concat/enqueue",
          "to": "queue(learner)",
        },
        {
          "from": "queue(learner)",
          "to": "queue(learner)/dequeue",
        },
        {
          "from": "queue(learner)/dequeue",
          "to": "queue(learner)/dequeue/forEach(train)",
        },
        {
          "from": "rollouts/gae/gatherAsync/concat/enqueue",
          "to": "concurrently",
        },
        {
          "from": "queue(learner)/dequeue/forEach(train)",
          "to": "concurrently",
        },
      ],
      "name": "impala",
      "nodes": [
        {
          "id": "queue(learner)",
          "kind": "queue",
          "operator": "learner",
          "params": {
            "capacity": 2,
            "whenFull": "block",
          },
        },
        {
          "id": "rollouts",
          "kind": "atSource",
          "operator": "rollouts",
          "params": null,
        },
        {
          "id": "rollouts/gae",
          "kind": "atSource",
          "operator": "gae",
          "params": {
            "lambda": 0.95,
          },
        },
        {
          "id": "rollouts/gae/gatherAsync",
          "kind": "operator",
          "operator": "gatherAsync",
          "params": {
            "inFlight": 2,
            "reissue": "before",
          },
        },
        {
          "id": "rollouts/gae/gatherAsync/concat",
          "kind": "operator",
          "operator": "concat",
          "params": {
            "minSteps": 500,
          },
        },
        {
          "id": "rollouts/gae/gatherAsync/concat/enqueue",
          "kind": "operator",
          "operator": "enqueue",
          "params": null,
        },
        {
          "id": "queue(learner)/dequeue",
          "kind": "operator",
          "operator": "dequeue",
          "params": null,
        },
        {
          "id": "queue(learner)/dequeue/forEach(train)",
          "kind": "operator",
          "operator": "forEach(train)",
          "params": null,
        },
        {
          "id": "concurrently",
          "kind": "operator",
          "operator": "concurrently",
          "params": {
            "mode": "async",
            "output": [
              1,
            ],
          },
        },
      ],
    }
  `)
})

test('its drawing', () => {
  expect(mermaid(impala().plan.graph())).toMatchInlineSnapshot(`
    "flowchart LR
      subgraph source [at the source]
        n1["rollouts"]
        n2["gae<br/>lambda 0.95"]
      end
      n0[("learner<br/>capacity 2, whenFull block")]
      n3["gatherAsync<br/>inFlight 2, reissue before"]
      n4["concat<br/>minSteps 500"]
      n5["enqueue"]
      n6["dequeue"]
      n7["forEach(train)"]
      n8["concurrently<br/>mode async, output [1]"]
      n1 --> n2
      n2 --> n3
      n3 --> n4
      n4 --> n5
      n5 --> n0
      n0 --> n6
      n6 --> n7
      n5 --> n8
      n7 --> n8
    "
  `)
})

test('a label cannot break out of the drawing', () => {
  const plan = new Plan()
  plan.source('a "quoted" <name> & more', [1])
  expect(mermaid(plan.graph())).toContain('n0["a &quot;quoted&quot; &lt;name&gt; &amp; more"]')
})

test('the same operator twice in a row, or under the same name, has a path of its own', () => {
  const plan = new Plan()
  const double = (item: number) => item * 2
  plan.source('items', [1]).forEach(double).batch(2).batch(2)
  plan.source('items', [1]).forEach(double)
  expect(plan.graph().nodes.map(({ id }) => id)).toEqual([
    'items',
    'items/forEach(double)',
    'items/forEach(double)/batch',
    'items/forEach(double)/batch/batch',
    'items#2',
    'items#2/forEach(double)',
  ])
})

test('every node measures its items, and the waits of a linear plan add up with its work', async () => {
  const plan = new Plan()
  const spin = (ms: number) => {
    const until = performance.now() + ms
    while (performance.now() < until);
  }
  const work = (item: number) => {
    spin(2)
    return item
  }
  const source = plan.source('items', function* () {
    for (let i = 0; i < 10; i++) {
      spin(1)
      yield i
    }
  })
  const start = performance.now()
  for await (const item of plan.run(
    source
      .forEach(work)
      .filter((item) => item % 2 === 0)
      .batch(5),
  )) {
    expect(item.length).toBe(5)
    spin(5)
  }
  const wall = performance.now() - start
  const measures = plan.measures()
  const counts = Object.values(measures).map(({ itemsIn, itemsOut }) => [itemsIn, itemsOut])
  expect(counts).toEqual([
    [10, 10],
    [10, 10],
    [10, 5],
    [5, 1],
  ])
  const [items, forEach, filter, batch] = Object.values(measures)
  expect(items!.busyMs).toBeGreaterThanOrEqual(10)
  expect(forEach!.busyMs).toBeGreaterThanOrEqual(20)
  expect(forEach!.waitedUpstreamMs).toBeGreaterThanOrEqual(10)
  expect(filter!.waitedUpstreamMs).toBeGreaterThanOrEqual(30)
  expect(batch!.waitedDownstreamMs).toBeGreaterThanOrEqual(5)
  for (const { busyMs, waitedUpstreamMs, waitedDownstreamMs } of Object.values(measures)) {
    expect(busyMs + waitedUpstreamMs + waitedDownstreamMs).toBeLessThanOrEqual(wall)
  }
})

test('a writer that waits for room waits on downstream, a reader of an empty queue on upstream', async () => {
  const plan = new Plan()
  const queue = plan.queue<number>('q', { capacity: 1, whenFull: 'block' })
  const flows = [plan.source('items', [1, 2, 3, 4]).enqueue(queue), plan.dequeue(queue)]
  for await (const item of plan.run(plan.concurrently(flows, { mode: 'async', output: 1 }))) {
    void item
    const until = performance.now() + 3
    while (performance.now() < until);
  }
  const measures = plan.measures()
  expect(measures['items/enqueue']!.waitedDownstreamMs).toBeGreaterThanOrEqual(3)
  expect(await collect(new Plan().source('none', []))).toEqual([])
})
