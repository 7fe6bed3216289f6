// Typed-array reads use `!`: every index is within the sizes made here.
import { boxBounds, describeSpace, spaceSize, type Space } from './space.ts'

/** What each env of a vector gets of the actions of all of them: checked, and in memory of its own where it is more than an index. */
export class VectorActions {
  private readonly space: Space
  private readonly size: number
  private readonly rows: readonly (Float32Array | Int32Array)[]
  /** Bounds of every element, both inclusive. */
  private readonly low: ArrayLike<number>
  private readonly high: ArrayLike<number>
  private readonly whole: boolean

  constructor(space: Space, numEnvs: number) {
    const size = spaceSize(space)
    const isBox = space.kind === 'box'
    const { low, high } = isBox ? boxBounds(space) : { low: new Float32Array(size), high: highest(space) }
    const row = () => (isBox ? new Float32Array(size) : new Int32Array(size))
    this.space = space
    this.size = size
    this.rows = space.kind === 'discrete' ? [] : Array.from({ length: numEnvs }, row)
    this.low = low
    this.high = high
    this.whole = !isBox
  }

  /**
   * The action of one env; a list is the same one at every call.
   *
   * @param actions [B, ...] of all envs
   * @param refuse makes the error for an action that is not in the space
   */
  of(
    index: number,
    actions: Int32Array | Float32Array,
    refuse: (index: number, what: string) => Error,
  ): number | Int32Array | Float32Array {
    const { size, low, high, whole } = this
    const row = this.rows[index]
    for (let j = 0; j < size; j++) {
      const action = actions[index * size + j]!
      if (!(action >= low[j]! && action <= high[j]!) || (whole && !Number.isInteger(action))) {
        const element = row ? ` at element ${j}` : ''
        throw refuse(index, `got action ${action}${element}, which is not in ${describeSpace(this.space)}`)
      }
      if (row) row[j] = action
    }
    return row ?? actions[index]!
  }
}

function highest(space: Space): ArrayLike<number> {
  if (space.kind === 'discrete') return [space.n - 1]
  return space.kind === 'multiDiscrete' ? space.nvec.map((n) => n - 1) : []
}
