// Typed-array reads use `!`: every index is below T x B, which `checkSteps` checks first.
import { checkSteps, type StepSizes } from './steps.ts'

/** All [T, B], time first. */
export interface GaeSteps {
  readonly rewards: Float32Array
  readonly values: Float32Array
  /** V of the true next state: `values[t + 1]` inside an episode, that of the final observation where it was truncated. */
  readonly nextValues: Float32Array
  /** 1 where the episode ended in a terminal state: no value follows. */
  readonly terminated: Uint8Array
  /** 1 where it was cut off: the value of the final observation follows, but nothing is carried back over the cut. */
  readonly truncated: Uint8Array
}

export interface GaeRates {
  /** Discount, 0 … 1. */
  readonly gamma: number
  /** 0 … 1. */
  readonly lambda: number
}

/**
 * Generalized advantage estimation, eq. (16) of Schulman et al. 2016, arXiv:1506.02438, backwards in time:
 * A_t = delta_t + gamma lambda A_(t+1) inside an episode, delta_t = r_t + gamma V(x_(t+1)) - V(x_t); the last step of a fragment and of
 * an episode begins anew. Returns are A_t + V(x_t). Sums are float64, and nothing is allocated.
 *
 * @param into [T, B] each, written; they may be `rewards` and `values` themselves
 * @throws MillraceError E_BATCH_SHAPE if a column is not [T, B]
 */
export function gaeInto(
  steps: GaeSteps,
  { T, B, gamma, lambda }: StepSizes & GaeRates,
  into: { readonly advantages: Float32Array; readonly returns: Float32Array },
): void {
  checkSteps({ T, B }, { ...steps, ...into })
  const { rewards, values, nextValues, terminated, truncated } = steps
  for (let b = 0; b < B; b++) {
    let advantage = 0
    for (let i = (T - 1) * B + b; i >= 0; i -= B) {
      const ended = terminated[i]! | truncated[i]!
      const next = terminated[i]! === 1 ? 0 : gamma * nextValues[i]!
      const value = values[i]!
      advantage = rewards[i]! + next - value + (ended === 1 ? 0 : gamma * lambda * advantage)
      into.advantages[i] = advantage
      into.returns[i] = advantage + value
    }
  }
}
