// Typed-array reads use `!`: `GaussianSampler` checks the sizes.
import { GaussianSampler } from './gaussian.ts'

/**
 * tanh of a normal draw (Haarnoja et al. 2018, arXiv:1801.01290, appendix C). Drawn is u, before tanh, since near ±1 tanh cannot be
 * undone; the log-density is that of the action tanh(u).
 */
export class SquashedGaussianSampler extends GaussianSampler {
  /** sum_d log(1 - tanh²(u_d)) = sum_d 2 (log 2 - |u_d| - log(1 + exp(-2 |u_d|))) */
  protected override correction(drawn: Float32Array, from: number): number {
    let sum = 0
    for (let d = 0; d < this.dimensions; d++) {
      const u = Math.abs(drawn[from + d]!)
      sum += 2 * (Math.LN2 - u - Math.log1p(Math.exp(-2 * u)))
    }
    return sum
  }
}
