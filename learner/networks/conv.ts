import {
  ACTIVATIONS,
  byLastAxis,
  cast,
  conv2dLast,
  graphError,
  mul,
  orthogonal,
  parameter,
  reshape,
  zerosInit,
  type Activation,
  type Tensor,
} from '../tensor/index.ts'
import { hiddenLayers } from './mlp.ts'
import type { Torso } from './torso.ts'

export interface ConvTorsoConfig {
  readonly kind: 'conv'
  /** Square kernels without padding. */
  readonly layers: readonly { readonly filters: number; readonly kernel: number; readonly stride: number }[]
  /** Widths of dense layers after them. */
  readonly hidden: readonly number[]
  readonly activation: Activation
  /** In the dense layers; not if not given. */
  readonly layerNorm?: boolean
  /** Multiplies the observation first, 1 / 255 for bytes for instance; 1 if not given. */
  readonly scale?: number
}

/** Convolutions over [H, W, C], then dense layers; weights orthogonal with gain sqrt(2), biases 0, as in PPO's references. */
export function convTorso(name: string, shape: readonly number[], config: ConvTorsoConfig): Torso {
  if (shape.length !== 3) throw graphError('convTorso', 'wants observations [H, W, C]', [shape])
  const convolutions = stack(name, shape, config)
  const [rows = 0, columns = 0, channels = 0] = convolutions.at(-1)?.shape ?? shape
  const features = rows * columns * channels
  const dense = hiddenLayers(`${name}.dense`, features, config)
  return {
    parameters: [...convolutions, ...dense].flatMap((layer) => layer.parameters),
    width: config.hidden.at(-1) ?? features,
    apply: (observations) => {
      const images = mul(cast(observations, 'float32'), config.scale ?? 1)
      const maps = convolutions.reduce((h, layer) => layer.apply(h), images)
      const flat = reshape(maps, [observations.shape[0] ?? 1, features])
      return dense.reduce((h, layer) => layer.apply(h), flat)
    },
  }
}

interface ConvLayer {
  readonly parameters: readonly Tensor[]
  /** Of its result: [H, W, filters]. */
  readonly shape: readonly number[]
  apply(x: Tensor): Tensor
}

function stack(name: string, image: readonly number[], { layers, activation }: ConvTorsoConfig): ConvLayer[] {
  let shape = image
  const activate = activation === 'relu' ? (x: Tensor) => x : ACTIVATIONS[activation]
  return layers.map(({ filters, kernel, stride }, i) => {
    const [height = 0, width = 0, channels = 0] = shape
    if (Math.min(height, width) < kernel)
      throw graphError('convTorso', `layer ${i} has a kernel of ${kernel} for what is left of the image`, [shape])
    const initial = byLastAxis(orthogonal(Math.SQRT2))
    const weight = parameter(`${name}.${i}.weight`, [kernel, kernel, channels, filters], initial)
    const bias = parameter(`${name}.${i}.bias`, [filters], zerosInit)
    const after = (size: number) => Math.floor((size - kernel) / stride) + 1
    shape = [after(height), after(width), filters]
    return {
      parameters: [weight, bias],
      shape,
      apply: (x) => activate(conv2dLast(x, weight, { bias, strides: [stride, stride], relu: activation === 'relu' })),
    }
  })
}
