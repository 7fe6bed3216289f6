// Typed-array reads use `!`: every index is below rows x dimensions, which `write` checks first.
import { boxBounds, describeSpace, type BoxSpace } from '../env/space.ts'
import { MillraceError } from '../errors.ts'

/** How what is drawn becomes an element of a box. */
export type BoxRule =
  /** Limited to the box, whatever its bounds: a normal draw. */
  | 'clip'
  /** From [-1, 1] onto the box: an action without chance. */
  | 'scale'
  /** tanh first, then as `scale`: a squashed normal draw. */
  | 'squash'

/**
 * Actions of a box from what a policy draws. Log-probabilities are not touched: they belong to what was drawn, in the draw's own units,
 * and the affine map's constant cancels in every ratio and gradient.
 */
export class BoxActions {
  private readonly low: Float32Array
  private readonly high: Float32Array
  private readonly rule: BoxRule

  /** @throws MillraceError E_POLICY_SPEC if the box has to be filled from [-1, 1] and a bound is infinite */
  constructor(space: BoxSpace, rule: BoxRule) {
    const { low, high } = boxBounds(space)
    if (rule !== 'clip' && ![...low, ...high].every(Number.isFinite)) {
      throw new MillraceError(
        'E_POLICY_SPEC',
        `${describeSpace(space)} has an infinite bound, so actions in [-1, 1] cannot be scaled to it`,
      )
    }
    this.low = low
    this.high = high
    this.rule = rule
  }

  /**
   * @param drawn [B, D]
   * @param actions [B, D], written: elements of the box; may be `drawn` itself
   * @throws MillraceError E_POLICY_MODEL if the sizes do not fit the box
   */
  write(drawn: Float32Array, actions: Float32Array): void {
    const { low, high, rule } = this
    const dimensions = low.length
    if (drawn.length !== actions.length || drawn.length % dimensions !== 0) {
      throw new MillraceError(
        'E_POLICY_MODEL',
        `${drawn.length} draws and ${actions.length} places do not fit a box of ${dimensions} numbers`,
      )
    }
    for (let i = 0; i < drawn.length; i++) {
      const from = low[i % dimensions]!
      const to = high[i % dimensions]!
      const x = drawn[i]!
      const inside = rule === 'clip' ? x : from + 0.5 * (to - from) * ((rule === 'squash' ? Math.tanh(x) : x) + 1)
      actions[i] = inside < from ? from : inside > to ? to : inside
    }
  }
}
