import { graphError, type Activation, type Tensor } from '../tensor/index.ts'
import { convTorso, type ConvTorsoConfig } from './conv.ts'
import { mlpTorso, type MlpTorsoConfig } from './mlp.ts'

/** The layers under the heads: observations to `width` features. */
export interface Torso {
  /** In the order in which they lie in the flat vector. */
  readonly parameters: readonly Tensor[]
  readonly width: number
  /** Observations [N, ...shape], float32 or uint8, to float32 [N, width]. */
  apply(observations: Tensor): Tensor
}

/** A torso as plain data. */
export type TorsoConfig = MlpTorsoConfig | ConvTorsoConfig

/**
 * Builds a torso whose parameters are called `<name>.…`.
 *
 * @param shape of one observation
 * @throws MillraceError E_GRAPH if convolutions are asked of anything but [H, W, C], or shrink the image to nothing
 */
export const torso = (name: string, shape: readonly number[], config: TorsoConfig): Torso =>
  config.kind === 'conv' ? convTorso(name, shape, config) : mlpTorso(name, shape, config)

/** What may be set of a torso; the rest is what fits the shape. */
export interface TorsoSettings {
  /** Widths of the dense layers. */
  readonly hidden?: readonly number[] | undefined
  readonly activation?: Activation | undefined
  readonly layerNorm?: boolean | undefined
  /** Under the dense layers; none at all flattens an image. */
  readonly convolutions?: ConvTorsoConfig['layers'] | undefined
  /** Multiplies the observation first. */
  readonly scale?: number | undefined
}

/**
 * What fits a shape: convolutions for [H, W, C], else two layers of 64 tanh units, as PPO's reference has them.
 *
 * Large images get the network of Mnih et al. 2015 (Nature 518, methods): 32 8x8/4, 64 4x4/2, 64 3x3/1, then 512.
 * Small ones get that of MinAtar (Young and Tian 2019, arXiv:1903.03176, section 4): 16 3x3/1, then 128.
 *
 * @throws MillraceError E_GRAPH for an image smaller than 3x3
 */
export function defaultTorso(shape: readonly number[], settings: TorsoSettings = {}): TorsoConfig {
  const { convolutions, layerNorm, scale } = settings
  const given = { ...(layerNorm !== undefined && { layerNorm }), ...(scale !== undefined && { scale }) }
  if ((shape.length !== 3 && convolutions === undefined) || convolutions?.length === 0) {
    const { hidden = [64, 64], activation = 'tanh' } = settings
    return { kind: 'mlp', hidden, activation, ...given }
  }
  const isLarge = Math.min(...shape.slice(0, 2)) >= LARGE
  const { hidden = [isLarge ? 512 : 128], activation = 'relu' } = settings
  return { kind: 'conv', layers: convolutions ?? (isLarge ? NATURE : minAtar(shape)), hidden, activation, ...given }
}

/** The least side of an image that is left with a cell by all three layers of `NATURE`. */
const LARGE = 36

const NATURE = [
  { filters: 32, kernel: 8, stride: 4 },
  { filters: 64, kernel: 4, stride: 2 },
  { filters: 64, kernel: 3, stride: 1 },
]

function minAtar(shape: readonly number[]): ConvTorsoConfig['layers'] {
  if (Math.min(...shape.slice(0, 2)) < 3) throw graphError('defaultTorso', 'wants an image of at least 3x3', [shape])
  return [{ filters: 16, kernel: 3, stride: 1 }]
}
