import { graphError, type Tensor } from '../tensor/index.ts'
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

/**
 * What fits a shape: convolutions for [H, W, C], else two layers of 64 tanh units, as PPO's reference has them.
 *
 * Large images get the network of Mnih et al. 2015 (Nature 518, methods): 32 8x8/4, 64 4x4/2, 64 3x3/1, then 512; bytes are divided by 255.
 * Small ones get that of MinAtar (Young and Tian 2019, arXiv:1903.03176, section 4): 16 3x3/1, then 128; its channels are 0 and 1 and stay so.
 *
 * @throws MillraceError E_GRAPH for an image smaller than 3x3
 */
export function defaultTorso(shape: readonly number[]): TorsoConfig {
  if (shape.length !== 3) return { kind: 'mlp', hidden: [64, 64], activation: 'tanh' }
  const smaller = Math.min(shape[0] ?? 0, shape[1] ?? 0)
  if (smaller < 3) throw graphError('defaultTorso', 'wants an image of at least 3x3', [shape])
  if (smaller < 36) {
    const layers = [{ filters: 16, kernel: 3, stride: 1 }]
    return { kind: 'conv', layers, hidden: [128], activation: 'relu', scale: 1 }
  }
  const layers = [
    { filters: 32, kernel: 8, stride: 4 },
    { filters: 64, kernel: 4, stride: 2 },
    { filters: 64, kernel: 3, stride: 1 },
  ]
  return { kind: 'conv', layers, hidden: [512], activation: 'relu', scale: 1 / 255 }
}
