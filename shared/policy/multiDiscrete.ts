// Typed-array reads use `!`: every index is below rows x parameters, which `checkRows` checks first.
import { checkRows, notADistribution, type ActionRandom, type ActionSampler } from './actionSampler.ts'

/**
 * D independent choices a row, the d-th among n_d by softmax. A row draws one uniform number a choice, whatever its logits.
 * A logit of -Infinity is never chosen. The log-probability is the sum over the choices.
 */
export class MultiDiscreteSampler implements ActionSampler<Int32Array> {
  private readonly choices: readonly number[]
  private readonly perRow: number
  private readonly random: Pick<ActionRandom, 'uniform'>
  private readonly exps: Float64Array

  constructor(choices: readonly number[], random: Pick<ActionRandom, 'uniform'>) {
    this.choices = choices
    this.perRow = choices.reduce((sum, n) => sum + n, 0)
    this.random = random
    this.exps = new Float64Array(Math.max(...choices))
  }

  sample(params: Float32Array, drawn: Int32Array, logProbs: Float32Array): void {
    this.choose(params, drawn, logProbs, false)
  }

  greedy(params: Float32Array, drawn: Int32Array, logProbs: Float32Array): void {
    this.choose(params, drawn, logProbs, true)
  }

  private choose(params: Float32Array, drawn: Int32Array, logProbs: Float32Array, greedy: boolean): void {
    const { choices, perRow, random, exps } = this
    checkRows({ params, drawn, logProbs }, perRow, choices.length)
    for (let row = 0; row < logProbs.length; row++) {
      let from = row * perRow
      let logProb = 0
      for (let d = 0; d < choices.length; d++) {
        const n = choices[d]!
        let best = 0
        for (let a = 1; a < n; a++) if (params[from + a]! > params[from + best]!) best = a
        const max = params[from + best]!
        let sum = 0
        for (let a = 0; a < n; a++) sum += exps[a] = Math.exp(params[from + a]! - max)
        if (!(sum >= 1)) throw notADistribution(params, row, perRow)
        let action = best
        if (!greedy) {
          // The same additions in the same order as in `sum`, and target < sum: the loop ends at an action with a chance.
          const target = random.uniform() * sum
          action = 0
          for (let below = exps[0]!; below <= target; below += exps[++action]!);
        }
        drawn[row * choices.length + d] = action
        logProb += params[from + action]! - max - Math.log(sum)
        from += n
      }
      logProbs[row] = logProb
    }
  }
}
