// Typed-array reads use `!`: every index is below rows x numActions, which `run` checks first.
import { MillraceError } from '../errors.ts'
import type { Random } from '../random.ts'

/**
 * Actions from logits, for a whole batch and without allocating: a ~ softmax(logits), and log pi(a).
 *
 * One exponential a logit and one logarithm a row, in float64; a row draws exactly one uniform number, whatever its logits.
 * A logit of -Infinity is an action that is never chosen (a mask). Rows that hold NaN or +Infinity, or nothing but
 * -Infinity, are not a distribution: E_POLICY_MODEL.
 */
export class CategoricalSampler {
  private readonly numActions: number
  private readonly random: Pick<Random, 'uniform'>
  private readonly exps: Float64Array

  /** @param random the stream of the actions, and of nothing else */
  constructor(numActions: number, random: Pick<Random, 'uniform'>) {
    this.numActions = numActions
    this.random = random
    this.exps = new Float64Array(numActions)
  }

  /**
   * Draws an action for every row.
   *
   * @param logits [B, A] float32
   * @param actions [B], written: indices 0 … A-1
   * @param logProbs [B], written: log pi(action), <= 0
   * @throws MillraceError E_POLICY_MODEL
   */
  sample(logits: Float32Array, actions: Int32Array, logProbs: Float32Array): void {
    this.checkSizes(logits, actions, logProbs)
    if (this.numActions === 2) this.samplePairs(logits, actions, logProbs)
    else this.sampleRows(logits, actions, logProbs)
  }

  /** Takes the most probable action of every row, the first of equals; `logProbs` is what the distribution gives it. */
  greedy(logits: Float32Array, actions: Int32Array, logProbs: Float32Array): void {
    this.checkSizes(logits, actions, logProbs)
    const { numActions } = this
    for (let row = 0; row < actions.length; row++) {
      const from = row * numActions
      let best = 0
      for (let a = 1; a < numActions; a++) if (logits[from + a]! > logits[from + best]!) best = a
      actions[row] = best
      logProbs[row] = 0 - Math.log(this.exponentials(logits, row, logits[from + best]!))
    }
  }

  private sampleRows(logits: Float32Array, actions: Int32Array, logProbs: Float32Array): void {
    const { numActions, random, exps } = this
    for (let row = 0; row < actions.length; row++) {
      const from = row * numActions
      let max = logits[from]!
      for (let a = 1; a < numActions; a++) if (logits[from + a]! > max) max = logits[from + a]!
      const sum = this.exponentials(logits, row, max)
      // The same additions in the same order as in `sum`, and target < sum: the loop ends at an action with a chance.
      const target = random.uniform() * sum
      let action = 0
      for (let below = exps[0]!; below <= target; below += exps[++action]!);
      actions[row] = action
      logProbs[row] = logits[from + action]! - max - Math.log(sum)
    }
  }

  /** Two actions: softmax is the logistic function of the difference, so one exponential does. */
  private samplePairs(logits: Float32Array, actions: Int32Array, logProbs: Float32Array): void {
    const { random } = this
    for (let row = 0; row < actions.length; row++) {
      const first = logits[2 * row]!
      const second = logits[2 * row + 1]!
      const gap = Math.abs(second - first)
      const smaller = Math.exp(-gap)
      if (!(smaller >= 0) || first === Infinity || second === Infinity) throw this.notADistribution(logits, row)
      const sum = 1 + smaller
      const drewSmaller = random.uniform() * sum < smaller
      actions[row] = drewSmaller === first > second ? 1 : 0
      logProbs[row] = (drewSmaller ? -gap : 0) - Math.log(sum)
    }
  }

  /** exp(logit - max) of one row into `exps`; their sum, which is 1 or more. */
  private exponentials(logits: Float32Array, row: number, max: number): number {
    const { numActions, exps } = this
    let sum = 0
    for (let a = 0; a < numActions; a++) sum += exps[a] = Math.exp(logits[row * numActions + a]! - max)
    // NaN where a logit is NaN, or where max is infinite (Infinity - Infinity).
    if (!(sum >= 1)) throw this.notADistribution(logits, row)
    return sum
  }

  private notADistribution(logits: Float32Array, row: number): MillraceError {
    const values = Array.from(logits.subarray(row * this.numActions, (row + 1) * this.numActions).subarray(0, 8)).join(
      ', ',
    )
    return new MillraceError(
      'E_POLICY_MODEL',
      `the policy gave logits that are not a distribution in row ${row}: ${values}`,
      { row },
    )
  }

  private checkSizes(logits: Float32Array, actions: Int32Array, logProbs: Float32Array): void {
    const rows = actions.length
    if (logits.length === rows * this.numActions && logProbs.length === rows) return
    const got = `${logits.length} logits and ${logProbs.length} log-probabilities for ${rows} actions`
    throw new MillraceError('E_POLICY_MODEL', `the sampler got ${got}, with ${this.numActions} logits a row`)
  }
}
