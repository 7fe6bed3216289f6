import {
  add,
  concat,
  expandLast,
  gemm,
  graphError,
  linear,
  orthogonal,
  parameter,
  split,
  zerosInit,
  type Tensor,
} from '../tensor/index.ts'
import { torso, type Torso, type TorsoConfig } from './torso.ts'

/** A linear layer on top of a torso. */
export interface OutputConfig {
  /** Numbers for one entry. */
  readonly size: number
  /** Of its orthogonal weights: PPO's references take 0.01 for a policy and 1 for values. */
  readonly gain: number
}

/** Makes a torso whose parameters are called `<name>.…`; it is asked once for every torso that a network has. */
export type TorsoMaker = (name: string, shape: readonly number[]) => Torso

export interface NetworkConfig<K extends string> {
  /** Before the names of all parameters, with a dot; nothing if not given. */
  readonly name?: string
  /** Of one observation; of observation and action together for a critic that takes both. */
  readonly shape: readonly number[]
  readonly torso: TorsoConfig | TorsoMaker
  readonly outputs: Readonly<Record<K, OutputConfig>>
  /** One torso under all outputs, called `trunk`, or one each, called as the output is. */
  readonly shared: boolean
}

/** Torsos with named linear outputs. */
export interface Network<K extends string> {
  /** In the order in which they lie in the flat vector: all torsos, then all outputs. */
  readonly parameters: readonly Tensor[]
  /** Observations [N, ...shape] to [N, size] for every output, or to [size, N] with `axis` 0, as a head of that axis takes them. */
  apply(observations: Tensor, axis?: 0 | 1): Record<K, Tensor>
  /** The last layers, where they are known: not of a whole network of the user's own. */
  readonly layers?: Readonly<Record<K, OutputLayer>>
}

/**
 * Observations to the numbers that heads and losses take: `outputs: { policy: { size: head.outputs, gain: 0.01 }, value: { size: 1, gain: 1 } }`.
 * Initial weights come from a seed: `initialWeights(network.parameters, seededUniform(seed))`.
 *
 * @throws MillraceError E_GRAPH if there is no output, or the torso does not fit the shape
 */
export function network<K extends string>({
  name,
  shape,
  torso: under,
  outputs,
  shared,
}: NetworkConfig<K>): Network<K> {
  const names = Object.keys(outputs) as K[]
  if (names.length === 0) throw graphError('network', 'wants at least one output')
  const prefix = name === undefined ? '' : `${name}.`
  const make: TorsoMaker = typeof under === 'function' ? under : (of, its) => torso(of, its, under)
  const torsos = (shared ? ['trunk'] : names).map((own) => make(`${prefix}${own}`, shape))
  const layers = names.map((output, i) => {
    const { width } = (torsos[i] ?? torsos[0]) as Torso
    return outputLayer(`${prefix}${output}.head`, width, outputs[output])
  })
  // Over one torso all outputs are one matrix: one product forward and two backward instead of one and two for each.
  const branches = shared ? [joined(layers)] : layers
  const sizes = names.map((output) => outputs[output].size)
  return {
    parameters: [...torsos.flatMap((one) => one.parameters), ...layers.flatMap(({ weight, bias }) => [weight, bias])],
    layers: Object.fromEntries(names.map((output, i) => [output, layers[i]])) as Record<K, OutputLayer>,
    apply: (x, axis = 1) => {
      const given = torsos.map((one, i) => project(one.apply(x), branches[i] as OutputLayer, axis))
      const parts = shared ? split(given[0] as Tensor, sizes, axis) : given
      return Object.fromEntries(names.map((output, i) => [output, parts[i]])) as Record<K, Tensor>
    },
  }
}

/** weight [size, width], bias [size] */
export interface OutputLayer {
  readonly weight: Tensor
  readonly bias: Tensor
}

const outputLayer = (name: string, width: number, { size, gain }: OutputConfig): OutputLayer => ({
  weight: parameter(`${name}.weight`, [size, width], orthogonal(gain)),
  bias: parameter(`${name}.bias`, [size], zerosInit),
})

const joined = (layers: readonly OutputLayer[]): OutputLayer => ({
  weight: concat(layers.map(({ weight }) => weight)),
  bias: concat(layers.map(({ bias }) => bias)),
})

/** h [N, width] to [N, size], or to [size, N] if outputs are axis 0. */
const project = (h: Tensor, { weight, bias }: OutputLayer, axis: 0 | 1): Tensor =>
  axis === 0 ? add(gemm(weight, h, { transB: true }), expandLast(bias)) : linear(h, weight, { bias, transposed: true })
