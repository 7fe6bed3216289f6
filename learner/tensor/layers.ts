import type { Tensor } from './graph.ts'
import { orthogonal, zerosInit, type Initializer } from './initializers.ts'
import { add, div, mul, sub } from './ops/arithmetic.ts'
import { conv2d, type ConvOptions } from './ops/conv.ts'
import { linear } from './ops/matmul.ts'
import { reduceMean } from './ops/reduce.ts'
import { parameter } from './ops/sources.ts'
import { elu, erf, relu, sigmoid, sqrt, tanh } from './ops/unary.ts'

/** x sigmoid(x), also called swish. */
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x))

/** x Phi(x), with the exact Gaussian distribution function (Hendrycks and Gimpel 2016, arXiv:1606.08415). */
export const gelu = (x: Tensor): Tensor => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1))

export const ACTIVATIONS = { tanh, relu, elu, silu, gelu } as const satisfies Record<string, (x: Tensor) => Tensor>
export type Activation = keyof typeof ACTIVATIONS

/** (x - mean) / sqrt(variance + epsilon) over the last axis, times `scale`, plus `bias` (Ba et al. 2016, arXiv:1607.06450). */
export function layerNorm(
  x: Tensor,
  { scale, bias, epsilon = 1e-5 }: { scale: Tensor; bias: Tensor; epsilon?: number },
): Tensor {
  const centred = sub(x, reduceMean(x, { axes: [-1], keepDims: true }))
  const variance = reduceMean(mul(centred, centred), { axes: [-1], keepDims: true })
  return add(mul(div(centred, sqrt(add(variance, epsilon))), scale), bias)
}

/** A layer with its parameters, which are made once and shared by every application. */
export interface Layer {
  readonly parameters: readonly Tensor[]
  apply(x: Tensor): Tensor
}

export interface DenseOptions {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  readonly weight?: Initializer
  readonly activation?: Activation
}

/** x W + b, with W [inputs, outputs] orthogonal and b zero unless told otherwise. */
export function dense({ name, inputs, outputs, weight = orthogonal(), activation }: DenseOptions): Layer {
  const w = parameter(`${name}.weight`, [inputs, outputs], weight)
  const b = parameter(`${name}.bias`, [outputs], zerosInit)
  const after = activation ? ACTIVATIONS[activation] : (x: Tensor) => x
  return { parameters: [w, b], apply: (x) => after(linear(x, w, { bias: b })) }
}

export interface ConvLayerOptions extends ConvOptions {
  readonly name: string
  readonly channels: number
  readonly filters: number
  readonly kernel: readonly [number, number]
  readonly weight?: Initializer
  readonly activation?: Activation
}

/** A convolution over [N, channels, H, W] with a bias a filter. */
export function convolution({
  name,
  channels,
  filters,
  kernel,
  weight = orthogonal(),
  activation,
  ...options
}: ConvLayerOptions): Layer {
  const w = parameter(`${name}.weight`, [filters, channels, ...kernel], weight)
  const b = parameter(`${name}.bias`, [filters], zerosInit)
  const after = activation ? ACTIVATIONS[activation] : (x: Tensor) => x
  return { parameters: [w, b], apply: (x) => after(conv2d(x, w, { bias: b, ...options })) }
}
