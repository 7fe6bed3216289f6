import { add, clip, div, sqrt, stopGradient, sub, type Tensor } from '../tensor/index.ts'

export interface NormalizedOptions {
  /** Largest size of a normalised number; 10 if not given, as in PPO's references. */
  readonly limit?: number
  /** Added to the variance; 1e-8 if not given. */
  readonly epsilon?: number
}

/**
 * (x - mean) / sqrt(variance + epsilon), limited to ±limit. Mean and variance [size] are fed to a train graph and constants of a
 * published policy, so that functions need nothing else. No gradient flows through them.
 *
 * @param x [N, size] float32
 */
export function normalized(
  x: Tensor,
  moments: { readonly mean: Tensor; readonly variance: Tensor },
  { limit = 10, epsilon = 1e-8 }: NormalizedOptions = {},
): Tensor {
  const scaled = div(sub(x, stopGradient(moments.mean)), sqrt(add(stopGradient(moments.variance), epsilon)))
  return clip(scaled, -limit, limit)
}
