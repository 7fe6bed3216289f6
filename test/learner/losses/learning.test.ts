import { expect, test } from 'vitest'
import { makeHead, maskLogits, type Head } from '../../../learner/heads/index.ts'
import {
  a2cLoss,
  criticLoss,
  deterministicActorLoss,
  dqnLoss,
  ppoLoss,
  softActorLoss,
} from '../../../learner/losses/index.ts'
import { network } from '../../../learner/networks/index.ts'
import { ProgramRunner, column, compile } from '../../../learner/program/index.ts'
import * as t from '../../../learner/tensor/index.ts'

// Every problem here has one step and a known best action: with a wrong sign anywhere the loss moves away from it.
const N = 64
const torso = { kind: 'mlp', hidden: [16], activation: 'tanh' } as const
const uniform = t.seededUniform(17)
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())

type Feeds = Record<string, t.HostTensor>

/** Updates until `feeds` was asked for all of them, then what `read` gives for the weights at the end. */
async function learn(
  graph: { loss: t.Tensor; parameters: readonly t.Tensor[]; inputs: readonly t.Tensor[]; read: t.Tensor },
  feeds: (read: (given: Feeds) => Promise<Float32Array>) => Promise<Feeds>,
  updates: number,
): Promise<Float32Array> {
  const engine = t.onnxRuntimeEngine()
  const columns = graph.inputs.map((x) => [x, column(t.inputName(x), x.shape, x.dtype)] as const)
  const [loss] = t.substitute([graph.loss], new Map(columns)) as [t.Tensor]
  const optimizer = { kind: 'adam' } as const
  const program = compile(
    {
      sets: { net: graph.parameters },
      graphs: { learn: { minimise: { net: { loss, optimizer, maxGradNorm: 1 } } } },
      calls: { update: [{ run: 'learn' }] },
      policies: {},
    },
    { name: 'learn', uniform: t.seededUniform(2), seed: 2 },
  )
  const runner = new ProgramRunner(engine, program)
  const weights = t.input('weights', [t.layoutOf(graph.parameters).size])
  const [bound] = t.substitute([graph.read], t.unflatten(weights, graph.parameters)) as [t.Tensor]
  const wanted = graph.inputs.filter((x) => ['observations', 'noise'].includes((x.attributes as { name: string }).name))
  const reader = await engine.load({ name: 'read', inputs: [weights, ...wanted], outputs: { read: bound } })
  const read = async (given: Feeds) =>
    (await reader.run({ ...given, weights: t.float32(runner.save().sets['net']!.weights) }))['read']
      ?.data as Float32Array
  for (let i = 0; i < updates; i++)
    await runner.call('update', { columns: await feeds(read), rates: { learning_rate: 0.02 } })
  const last = await read(await feeds(read))
  await Promise.all([runner.close(), reader.dispose()])
  return last.slice()
}

const observations = t.input('observations', [N, 1])
const ones = () => t.float32(new Float32Array(N).fill(1), [N, 1])

test.each(['a2c', 'ppo'] as const)('%s finds the best valid arm, and never the masked one', async (name) => {
  const head = makeHead('categorical', { actions: 4 })
  const outputs = { policy: { size: 4, gain: 0.01 }, value: { size: 1, gain: 1 } }
  const built = network({ name: 'n', shape: [1], torso, outputs, shared: true })
  const noise = t.input('noise', [N, 1])
  const [actions, rewards] = [t.input('actions', [N], 'int32'), t.input('rewards', [N])]
  const { policy, value } = built.apply(observations)
  const valid = t.constant({ dtype: 'bool', shape: [1, 4], data: Uint8Array.of(1, 1, 1, 0) })
  const params = maskLogits(policy, valid)
  const values = t.flatten(value)
  const given = { logProbs: head.logProb(params, actions), values, returns: rewards, entropy: head.entropy(params) }
  const loss =
    name === 'a2c'
      ? a2cLoss(given, { valueCoef: 0.5, entropyCoef: 0.001 })
      : ppoLoss(
          { ...given, oldLogProbs: t.stopGradient(given.logProbs), advantages: t.sub(rewards, values) },
          { clip: 0.2, valueClip: null, valueCoef: 0.5, entropyCoef: 0.001 },
        )
  const taken = await learn(
    {
      loss: loss.total,
      parameters: built.parameters,
      inputs: [observations, noise, actions, rewards],
      read: t.cast(head.sample(params, noise).drawn, 'float32'),
    },
    async (read) => {
      const seen = { observations: ones(), noise: t.float32(Float32Array.from({ length: N }, uniform), [N, 1]) }
      const drawn = Int32Array.from(await read(seen))
      expect(drawn.includes(3)).toBe(false)
      // The masked arm would pay most.
      const paid = Float32Array.from(drawn, (a) => [0, 1, 0.5, 9][a] as number)
      return { ...seen, actions: t.int32(drawn), rewards: t.float32(paid) }
    },
    120,
  )
  expect(taken.filter((a) => a === 1).length).toBeGreaterThan(0.9 * N)
})

test.each(['gaussian', 'squashedGaussian', 'deterministic'] as const)(
  'a %s policy that climbs a critic finds the best action, through the draw and the critic',
  async (kind) => {
    const head: Head =
      kind === 'deterministic'
        ? makeHead(kind, { dimensions: 1 })
        : makeHead(kind, { dimensions: 1, logStd: 'network', logStdRange: [-3, 0] })
    const built = network({
      name: 'n',
      shape: [1],
      torso,
      outputs: { policy: { size: head.outputs, gain: 0.01 } },
      shared: true,
    })
    const noise = t.input('noise', [N, 1])
    const params = head.params(built.apply(observations).policy)
    const draw = kind === 'deterministic' ? undefined : head.sample(params, noise)
    const action = head.action(draw ? draw.drawn : head.mode(params))
    const q = t.neg(t.square(t.sub(t.flatten(action), 0.6)))
    const loss = draw ? softActorLoss(draw.logProb, [q, q], 0.001) : deterministicActorLoss(q)
    const found = await learn(
      { loss, parameters: built.parameters, inputs: [observations, noise], read: head.action(head.mode(params)) },
      async () => ({ observations: ones(), noise: t.float32(Float32Array.from({ length: N }, normal), [N, 1]) }),
      150,
    )
    expect(Math.abs((found[0] as number) - 0.6)).toBeLessThan(0.05)
  },
)

test('Q values and a critic of actions come to what is paid', async () => {
  const built = network({
    name: 'q',
    shape: [2],
    torso: { ...torso, layerNorm: true },
    outputs: { q: { size: 3, gain: 1 }, critic: { size: 1, gain: 1 } },
    shared: false,
  })
  const seen = t.input('observations', [N, 2])
  const actions = t.input('actions', [N], 'int32')
  const paid = t.input('paid', [N])
  const { q, critic } = built.apply(seen)
  const qLoss = dqnLoss({ q, actions, targets: paid }, { huberAt: 1 }).total
  const loss = t.add(qLoss, criticLoss([t.flatten(critic)], paid).total)
  const found = await learn(
    { loss, parameters: built.parameters, inputs: [seen, actions, paid], read: t.concat([q, critic, seen], 1) },
    async () => {
      const drawn = Int32Array.from({ length: N }, () => Math.floor(3 * uniform()))
      const rows = Float32Array.from(drawn, (a) => a - 1)
      const pairs = Float32Array.from({ length: 2 * N }, (_, i) => (i % 2 === 0 ? 1 : (rows[i >> 1] as number)))
      const rewards = Float32Array.from(drawn, (a) => a * a)
      return { observations: t.float32(pairs, [N, 2]), actions: t.int32(drawn), paid: t.float32(rewards) }
    },
    200,
  )
  for (let row = 0; row < N; row++) {
    const values = found.subarray(6 * row, 6 * row + 4)
    const action = 1 + (found[6 * row + 5] as number)
    // Q of the action taken, and the critic's value of it.
    for (const value of [values[action], values[3]]) expect(Math.abs((value as number) - action ** 2)).toBeLessThan(0.3)
  }
})
