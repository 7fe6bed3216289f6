// Typed-array reads use `!`: every index is below rows x dimensions, which `checkRows` checks first.
import { checkRows, notADistribution, type ActionRandom, type ActionSampler } from './actionSampler.ts'

/**
 * tanh of the policy's numbers, with normal noise on the action and limited to [-1, 1] (Fujimoto et al. 2018, arXiv:1802.09477,
 * algorithm 1, line 5). There is no density: log-probabilities are 0.
 */
export class DeterministicSampler implements ActionSampler<Float32Array> {
  private readonly dimensions: number
  private readonly random: Pick<ActionRandom, 'normal'>
  private readonly noise: number

  /** @param noise standard deviation of the noise, >= 0 */
  constructor(dimensions: number, random: Pick<ActionRandom, 'normal'>, noise = 0) {
    this.dimensions = dimensions
    this.random = random
    this.noise = noise
  }

  sample(params: Float32Array, drawn: Float32Array, logProbs: Float32Array): void {
    this.greedy(params, drawn, logProbs)
    if (this.noise === 0) return
    for (let i = 0; i < drawn.length; i++)
      drawn[i] = Math.min(1, Math.max(-1, drawn[i]! + this.noise * this.random.normal()))
  }

  greedy(params: Float32Array, drawn: Float32Array, logProbs: Float32Array): void {
    const { dimensions } = this
    checkRows({ params, drawn, logProbs }, dimensions, dimensions)
    for (let i = 0; i < drawn.length; i++) {
      drawn[i] = Math.tanh(params[i]!)
      if (Number.isNaN(drawn[i])) throw notADistribution(params, Math.floor(i / dimensions), dimensions)
    }
    logProbs.fill(0)
  }
}
