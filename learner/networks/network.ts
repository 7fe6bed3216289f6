import { concat, graphError, linear, orthogonal, parameter, split, zerosInit, type Tensor } from '../tensor/index.ts'
import { torso, type Torso, type TorsoConfig } from './torso.ts'

/** A linear layer on top of a torso. */
export interface OutputConfig {
  /** Numbers for one entry. */
  readonly size: number
  /** Of its orthogonal weights: PPO's references take 0.01 for a policy and 1 for values. */
  readonly gain: number
}

export interface NetworkConfig<K extends string> {
  /** Before the names of all parameters. */
  readonly name: string
  /** Of one observation; of observation and action together for a critic that takes both. */
  readonly shape: readonly number[]
  readonly torso: TorsoConfig
  readonly outputs: Readonly<Record<K, OutputConfig>>
  /** One torso under all outputs, or one each. */
  readonly shared: boolean
}

/** Torsos with named linear outputs. */
export interface Network<K extends string> {
  /** In the order in which they lie in the flat vector. */
  readonly parameters: readonly Tensor[]
  /** Observations [N, ...shape] to [N, size] for every output. */
  apply(observations: Tensor): Record<K, Tensor>
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
  torso: config,
  outputs,
  shared,
}: NetworkConfig<K>): Network<K> {
  const names = Object.keys(outputs) as K[]
  if (names.length === 0) throw graphError('network', 'wants at least one output')
  return shared ? overOne({ name, names, outputs, torso: torso(`${name}.torso`, shape, config) }) : overEach()

  function overEach(): Network<K> {
    const own = names.map((output) =>
      overOne({ name, names: [output], outputs, torso: torso(`${name}.${output}.torso`, shape, config) }),
    )
    return {
      parameters: own.flatMap(({ parameters }) => parameters),
      apply: (x) => Object.assign({}, ...own.map((part) => part.apply(x))) as Record<K, Tensor>,
    }
  }
}

interface Branch<K extends string> {
  readonly name: string
  readonly names: readonly K[]
  readonly outputs: Readonly<Record<K, OutputConfig>>
  readonly torso: Torso
}

/** All outputs over one torso are one matrix product. */
function overOne<K extends string>({ name, names, outputs, torso: under }: Branch<K>): Network<K> {
  const layers = names.map((output) => ({
    weight: parameter(
      `${name}.${output}.weight`,
      [under.width, outputs[output].size],
      orthogonal(outputs[output].gain),
    ),
    bias: parameter(`${name}.${output}.bias`, [outputs[output].size], zerosInit),
  }))
  const weight = concat(
    layers.map((layer) => layer.weight),
    1,
  )
  const bias = concat(layers.map((layer) => layer.bias))
  const sizes = names.map((output) => outputs[output].size)
  return {
    parameters: [...under.parameters, ...layers.flatMap((layer) => [layer.weight, layer.bias])],
    apply: (x) => {
      const parts = split(linear(under.apply(x), weight, { bias }), sizes, 1)
      return Object.fromEntries(names.map((output, i) => [output, parts[i]])) as Record<K, Tensor>
    },
  }
}
