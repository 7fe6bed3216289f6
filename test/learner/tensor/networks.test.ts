import { describe, test } from 'vitest'
import * as t from '../../../learner/tensor/index.ts'
import { evaluate, expectClose, flat, fromNested, golden, type Nested } from './helpers.ts'

interface Reference {
  readonly name: string
  readonly params: Readonly<Record<string, Nested>>
  readonly input: Nested
  readonly target: Nested
  readonly output: Nested
  readonly loss_mse_mean: number
  readonly grads: Readonly<Record<string, Nested>>
  readonly grad_input: Nested
}

type Network = (x: t.Tensor, p: Readonly<Record<string, t.Tensor>>) => t.Tensor

const mlp =
  (activation: t.Activation): Network =>
  (x, { W1, b1, W2, b2 }) => {
    const hidden = t.ACTIVATIONS[activation](t.linear(x, W1 as t.Tensor, { bias: b1 as t.Tensor, transposed: true }))
    return t.linear(hidden, W2 as t.Tensor, { bias: b2 as t.Tensor, transposed: true })
  }

/** An LSTM written out over time, gates in the order input, forget, cell, output: the operators are enough for recurrence. */
const lstm: Network = (x, { Wih, Whh, bih, bhh }) => {
  const [steps, batch, width] = x.shape as [number, number, number]
  const units = (Whh as t.Tensor).shape[1] as number
  let h = t.constant(t.float32(new Float32Array(batch * units), [batch, units]))
  let cell = h
  const outputs = t
    .split(
      x,
      Array.from({ length: steps }, () => 1),
    )
    .map((row) => {
      const fromInput = t.linear(t.reshape(row, [batch, width]), Wih as t.Tensor, {
        bias: bih as t.Tensor,
        transposed: true,
      })
      const gates = t.add(fromInput, t.linear(h, Whh as t.Tensor, { bias: bhh as t.Tensor, transposed: true }))
      const [i, f, g, o] = t.split(gates, [units, units, units, units], 1) as [t.Tensor, t.Tensor, t.Tensor, t.Tensor]
      cell = t.add(t.mul(t.sigmoid(f), cell), t.mul(t.sigmoid(i), t.tanh(g)))
      h = t.mul(t.sigmoid(o), t.tanh(cell))
      return t.reshape(h, [1, batch, units])
    })
  return t.concat(outputs)
}

const NETWORKS: Readonly<Record<string, Network>> = {
  mlp_tanh: mlp('tanh'),
  mlp_relu: mlp('relu'),
  mlp_elu: mlp('elu'),
  mlp_silu: mlp('silu'),
  mlp_gelu: mlp('gelu'),
  conv2d_3x3_valid_nchw: (x, { W, b }) => t.conv2d(x, W as t.Tensor, { bias: b as t.Tensor }),
  conv2d_3x3_stride2_pad1_nchw: (x, { W, b }) =>
    t.conv2d(x, W as t.Tensor, { bias: b as t.Tensor, strides: [2, 2], pads: [1, 1, 1, 1] }),
  layernorm: (x, { g, b }) => t.layerNorm(x, { scale: g as t.Tensor, bias: b as t.Tensor }),
  lstm_T5_B2_gates_ifgo: lstm,
}

const references = (golden('nn') as { networks: readonly Reference[] }).networks

describe.each(references)('$name', (reference) => {
  test("output, loss and every gradient are torch's within 1e-5", async () => {
    const named = (name: string, values: Nested): [t.Tensor, t.HostTensor] => {
      const value = fromNested(values)
      return [t.input(name, value.shape), value]
    }
    const x = named('x', reference.input)
    const target = named('target', reference.target)
    const params = Object.entries(reference.params).map(([name, values]) => [name, named(name, values)] as const)
    const network = NETWORKS[reference.name] as Network
    const output = network(x[0], Object.fromEntries(params.map(([name, [node]]) => [name, node])))
    const loss = t.reduceMean(t.square(t.sub(output, target[0])))
    const [ofInput, ...ofParams] = t.gradients(loss, [x[0], ...params.map(([, [node]]) => node)]) as [
      t.Tensor,
      ...t.Tensor[],
    ]
    const outputs = {
      output,
      loss,
      ofInput,
      ...Object.fromEntries(params.map(([name], i) => [`d${name}`, ofParams[i] as t.Tensor])),
    }

    const got = await evaluate(outputs, new Map([x, target, ...params.map(([, pair]) => pair)]))
    expectClose(got['output'] ?? [], flat(reference.output), 1e-5, 'output')
    expectClose(got['loss'] ?? [], [reference.loss_mse_mean], 1e-5, 'loss')
    expectClose(got['ofInput'] ?? [], flat(reference.grad_input), 1e-5, 'gradient of the input')
    for (const [name] of params)
      expectClose(got[`d${name}`] ?? [], flat(reference.grads[name] ?? []), 1e-5, `gradient of ${name}`)
  })
})
