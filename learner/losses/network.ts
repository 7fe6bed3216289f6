import {
  add,
  concat,
  dense,
  expandLast,
  flatten,
  gemm,
  linear,
  orthogonal,
  parameter,
  reshape,
  split,
  zerosInit,
  type Activation,
  type Layer,
  type Tensor,
} from '../tensor/index.ts'

export interface NetworkOptions {
  readonly observationShape: readonly number[]
  /** Number of discrete actions. */
  readonly actions: number
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[]
  readonly activation: Activation
  /** One stack of hidden layers under both heads, or one each. */
  readonly sharedTrunk: boolean
}

export interface PolicyValue {
  /** [N, A], or [A, N] if actions come first. */
  readonly logits: Tensor
  /** [N] */
  readonly value: Tensor
}

export interface PolicyValueNetwork {
  /** In the order in which they lie in the flat vector. */
  readonly parameters: readonly Tensor[]
  /**
   * @param observations float32 [N, ...observation shape]
   * @param order of the logits; with actions first a loss runs over long rows
   */
  apply(observations: Tensor, order?: 'entriesFirst' | 'actionsFirst'): PolicyValue
}

/** Hidden layers with a policy and a value head; orthogonal weights with gain sqrt(2), 0.01 and 1, biases zero. */
export function policyValueNetwork({
  observationShape,
  actions,
  hidden,
  activation,
  sharedTrunk,
}: NetworkOptions): PolicyValueNetwork {
  const inputs = observationShape.reduce((product, d) => product * d, 1)
  const policyTrunk = stack({ name: sharedTrunk ? 'trunk' : 'policy', inputs, hidden, activation })
  const valueTrunk = sharedTrunk ? policyTrunk : stack({ name: 'value', inputs, hidden, activation })
  const width = hidden.at(-1) ?? inputs
  const policy = head({ name: 'policy.head', width, outputs: actions, gain: 0.01 })
  const value = head({ name: 'value.head', width, outputs: 1, gain: 1 })
  // Over one trunk both heads are one matrix: one product forward and two backward instead of two and four.
  const both = { weight: concat([policy.weight, value.weight]), bias: concat([policy.bias, value.bias]) }
  const layers = sharedTrunk ? policyTrunk : [...policyTrunk, ...valueTrunk]
  return {
    parameters: [...layers.flatMap((layer) => layer.parameters), policy.weight, policy.bias, value.weight, value.bias],
    apply: (observations, order = 'entriesFirst') => {
      const x = reshape(observations, [observations.shape[0] ?? 1, inputs])
      const axis = order === 'actionsFirst' ? 0 : 1
      const hiddenState = run(policyTrunk, x)
      if (!sharedTrunk) {
        return { logits: project(hiddenState, policy, axis), value: flatten(project(run(valueTrunk, x), value, axis)) }
      }
      const [logits, values] = split(project(hiddenState, both, axis), [actions, 1], axis) as [Tensor, Tensor]
      return { logits, value: flatten(values) }
    },
  }
}

const run = (layers: readonly Layer[], x: Tensor): Tensor => layers.reduce((h, layer) => layer.apply(h), x)

/** weight [outputs, width], bias [outputs] */
interface Head {
  readonly weight: Tensor
  readonly bias: Tensor
}

const head = ({
  name,
  width,
  outputs,
  gain,
}: {
  name: string
  width: number
  outputs: number
  gain: number
}): Head => ({
  weight: parameter(`${name}.weight`, [outputs, width], orthogonal(gain)),
  bias: parameter(`${name}.bias`, [outputs], zerosInit),
})

/** h [N, width] to [N, outputs], or to [outputs, N] if outputs are axis 0. */
const project = (h: Tensor, { weight, bias }: Head, outputAxis: 0 | 1): Tensor =>
  outputAxis === 0
    ? add(gemm(weight, h, { transB: true }), expandLast(bias))
    : linear(h, weight, { bias, transposed: true })

interface StackOptions {
  readonly name: string
  readonly inputs: number
  readonly hidden: readonly number[]
  readonly activation: Activation
}

function stack({ name, inputs, hidden, activation }: StackOptions): Layer[] {
  return hidden.map((outputs, i) =>
    dense({
      name: `${name}.${i}`,
      inputs: hidden[i - 1] ?? inputs,
      outputs,
      weight: orthogonal(Math.SQRT2),
      activation,
    }),
  )
}
