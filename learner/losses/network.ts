import {
  concat,
  dense,
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
  /** [N, A] */
  readonly logits: Tensor
  /** [N] */
  readonly value: Tensor
}

export interface PolicyValueNetwork {
  /** In the order in which they lie in the flat vector. */
  readonly parameters: readonly Tensor[]
  /** @param observations float32 [N, ...observation shape] */
  apply(observations: Tensor): PolicyValue
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
  const width = hidden.at(-1) ?? inputs
  const policyTrunk = stack({ name: sharedTrunk ? 'trunk' : 'policy', inputs, hidden, activation })
  const valueTrunk = sharedTrunk ? policyTrunk : stack({ name: 'value', inputs, hidden, activation })
  const heads = {
    policyWeight: parameter('policy.head.weight', [width, actions], orthogonal(0.01)),
    policyBias: parameter('policy.head.bias', [actions], zerosInit),
    valueWeight: parameter('value.head.weight', [width, 1], orthogonal(1)),
    valueBias: parameter('value.head.bias', [1], zerosInit),
  }
  const layers = sharedTrunk ? policyTrunk : [...policyTrunk, ...valueTrunk]
  const run = (trunk: readonly Layer[], x: Tensor) => trunk.reduce((h, layer) => layer.apply(h), x)
  return {
    parameters: [...layers.flatMap((layer) => layer.parameters), ...Object.values(heads)],
    apply: (observations) => {
      const x = reshape(observations, [observations.shape[0] ?? 1, inputs])
      if (!sharedTrunk) {
        const value = linear(run(valueTrunk, x), heads.valueWeight, { bias: heads.valueBias })
        const logits = linear(run(policyTrunk, x), heads.policyWeight, { bias: heads.policyBias })
        return { logits, value: reshape(value, [-1]) }
      }
      // Both heads as one matrix: one product forward and two backward instead of two and four.
      const weight = concat([heads.policyWeight, heads.valueWeight], 1)
      const bias = concat([heads.policyBias, heads.valueBias])
      const [logits, value] = split(linear(run(policyTrunk, x), weight, { bias }), [actions, 1], 1) as [Tensor, Tensor]
      return { logits, value: reshape(value, [-1]) }
    },
  }
}

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
