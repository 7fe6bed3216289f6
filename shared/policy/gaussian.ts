// Typed-array reads use `!`: every index is below rows x parameters, which `checkRows` checks first.
import { checkRows, notADistribution, type ActionRandom, type ActionSampler } from './actionSampler.ts'

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI)

/**
 * Numbers with independent normal distributions: a row's parameters are D means, then D log standard deviations. A row takes D normal
 * numbers. What is drawn is rounded to float32 first, and its log-density is that of the rounded number, in float64.
 */
export class GaussianSampler implements ActionSampler<Float32Array> {
  protected readonly dimensions: number
  private readonly random: Pick<ActionRandom, 'normal'>

  constructor(dimensions: number, random: Pick<ActionRandom, 'normal'>) {
    this.dimensions = dimensions
    this.random = random
  }

  sample(params: Float32Array, drawn: Float32Array, logProbs: Float32Array): void {
    this.fill(params, drawn, logProbs, false)
  }

  greedy(params: Float32Array, drawn: Float32Array, logProbs: Float32Array): void {
    this.fill(params, drawn, logProbs, true)
  }

  /** What a change of variables takes off the log-density of `drawn`, summed over a row's D numbers from `from` on. */
  protected correction(_drawn: Float32Array, _from: number): number {
    return 0
  }

  private fill(params: Float32Array, drawn: Float32Array, logProbs: Float32Array, greedy: boolean): void {
    const { dimensions, random } = this
    checkRows({ params, drawn, logProbs }, 2 * dimensions, dimensions)
    for (let row = 0; row < logProbs.length; row++) {
      const from = 2 * row * dimensions
      const to = row * dimensions
      let logProb = 0
      for (let d = 0; d < dimensions; d++) {
        const mean = params[from + d]!
        const logStd = params[from + dimensions + d]!
        drawn[to + d] = greedy ? mean : mean + Math.exp(logStd) * random.normal()
        const z = (drawn[to + d]! - mean) * Math.exp(-logStd)
        logProb -= 0.5 * z * z + logStd + HALF_LOG_TWO_PI
      }
      logProb -= this.correction(drawn, to)
      if (!Number.isFinite(logProb)) throw notADistribution(params, row, 2 * dimensions)
      logProbs[row] = logProb
    }
  }
}
