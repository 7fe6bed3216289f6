import {
  ACTIVATIONS,
  cast,
  constantInit,
  layerNorm,
  linear,
  mul,
  orthogonal,
  parameter,
  reshape,
  zerosInit,
  type Activation,
  type Tensor,
} from '../tensor/index.ts'
import type { Torso } from './torso.ts'

export interface MlpTorsoConfig {
  readonly kind: 'mlp'
  /** Widths of the layers; none at all gives the observation itself. */
  readonly hidden: readonly number[]
  readonly activation: Activation
  /** Normalise every layer's sums before the activation (Ba et al. 2016, arXiv:1607.06450); not if not given. */
  readonly layerNorm?: boolean
  /** Multiplies the observation first, 1 / 255 for bytes for instance; 1 if not given. */
  readonly scale?: number
}

interface HiddenLayer {
  readonly parameters: readonly Tensor[]
  apply(x: Tensor): Tensor
}

/** Dense layers over the flattened observation; weights orthogonal with gain sqrt(2), biases 0, as in PPO's references. */
export function mlpTorso(name: string, shape: readonly number[], config: MlpTorsoConfig): Torso {
  const inputs = shape.reduce((product, d) => product * d, 1)
  const layers = hiddenLayers(name, inputs, config)
  return {
    parameters: layers.flatMap((layer) => layer.parameters),
    width: config.hidden.at(-1) ?? inputs,
    apply: (observations) => {
      const rows = reshape(observations, [observations.shape[0] ?? 1, inputs])
      const x = mul(cast(rows, 'float32'), config.scale ?? 1)
      return layers.reduce((h, layer) => layer.apply(h), x)
    },
  }
}

/** Dense layers `<name>.0`, `<name>.1`, … one on another. */
export function hiddenLayers(
  name: string,
  inputs: number,
  { hidden, activation, layerNorm: normalised = false }: Pick<MlpTorsoConfig, 'hidden' | 'activation' | 'layerNorm'>,
): HiddenLayer[] {
  return hidden.map((outputs, i) => {
    const weight = parameter(`${name}.${i}.weight`, [hidden[i - 1] ?? inputs, outputs], orthogonal(Math.SQRT2))
    const bias = parameter(`${name}.${i}.bias`, [outputs], zerosInit)
    const own = normalised ? normParameters(`${name}.${i}.norm`, outputs) : undefined
    return {
      parameters: [weight, bias, ...(own ? [own.scale, own.bias] : [])],
      apply: (x) => {
        const sums = linear(x, weight, { bias })
        return ACTIVATIONS[activation](own ? layerNorm(sums, own) : sums)
      },
    }
  })
}

const normParameters = (name: string, width: number) => ({
  scale: parameter(`${name}.scale`, [width], constantInit(1)),
  bias: parameter(`${name}.bias`, [width], zerosInit),
})
