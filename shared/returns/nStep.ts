// Typed-array reads use `!`: every index is below T x B, which `checkSteps` checks first.
import { checkSteps, type StepSizes } from './steps.ts'

/** All [T, B], time first. */
export interface NStepSteps {
  readonly rewards: Float32Array
  readonly terminated: Uint8Array
  readonly truncated: Uint8Array
}

/** All [T, B]: the target of step i is `rewards[i] + discounts[i] V(true next state of step last[i])`. */
export interface NSteps {
  /** sum_(k<m) gamma^k r_(t+k) over the m <= n steps that are left in the episode and the fragment. */
  readonly rewards: Float32Array
  /** gamma^m, and 0 if the last of them terminated the episode. */
  readonly discounts: Float32Array
  /** The row of the last of them. */
  readonly last: Int32Array
}

/**
 * n-step returns (Sutton and Barto 2018, eq. 7.1; Mnih et al. 2016, arXiv:1602.01783, algorithm S2), cut short at the end of an
 * episode and of the fragment. Nothing is allocated.
 *
 * @param n steps, an integer >= 1
 * @throws MillraceError E_BATCH_SHAPE if a column is not [T, B]
 */
export function nStepInto(
  steps: NStepSteps,
  { T, B, n, gamma }: StepSizes & { readonly n: number; readonly gamma: number },
  into: NSteps,
): void {
  checkSteps({ T, B }, { ...steps, ...into })
  const { rewards, terminated, truncated } = steps
  for (let i = 0; i < T * B; i++) {
    let sum = 0
    let discount = 1
    let last = i
    for (let k = 0; k < n && i + k * B < T * B; k++) {
      last = i + k * B
      sum += discount * rewards[last]!
      discount *= gamma
      if ((terminated[last]! | truncated[last]!) === 1) break
    }
    into.rewards[i] = sum
    into.discounts[i] = terminated[last]! === 1 ? 0 : discount
    into.last[i] = last
  }
}
