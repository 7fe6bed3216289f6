import { MillraceError } from '../../shared/errors.ts'
import type { Random } from '../../shared/random.ts'
import { type HostTensor, allocate } from '../tensor/index.ts'

/** Gathers random rows of some columns into tensors of `rows` rows each, which are the same memory every time. */
export class Minibatches {
  private readonly columns: readonly {
    readonly name: string
    readonly from: HostTensor
    readonly into: HostTensor
    readonly width: number
  }[]
  private readonly order: Uint32Array
  readonly rows: number

  /**
   * @param columns by name: what is gathered from, and the shape [rows, ...D] that a minibatch has; N rows of D in all
   * @throws MillraceError E_BATCH_SHAPE where columns differ in their number of rows, or it is no multiple of `rows`
   */
  constructor(
    columns: Readonly<Record<string, { readonly from: HostTensor; readonly shape: readonly number[] }>>,
    rows: number,
  ) {
    this.rows = rows
    this.columns = Object.entries(columns).map(([name, { from, shape }]) => {
      const width = shape.slice(1).reduce((product, d) => product * d, 1)
      return { name, from, width, into: { dtype: from.dtype, shape, data: allocate(from.dtype, rows * width) } }
    })
    const counts = new Set(this.columns.map(({ from, width }) => from.data.length / width))
    const [count = 0] = counts
    if (counts.size !== 1 || !Number.isInteger(count / rows) || count === 0) {
      const given = [...counts].join(', ')
      throw new MillraceError('E_BATCH_SHAPE', `minibatches of ${rows} rows do not divide columns of ${given} rows`)
    }
    this.order = Uint32Array.from({ length: count }, (_, i) => i)
  }

  /** Every row once, in a random order (Fisher and Yates); the same tensors each time, filled anew. */
  *epoch(random: Random): Generator<Readonly<Record<string, HostTensor>>> {
    const { order, rows } = this
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.integer(i + 1)
      const swapped = order[i]!
      order[i] = order[j]!
      order[j] = swapped
    }
    const tensors = Object.fromEntries(this.columns.map(({ name, into }) => [name, into]))
    for (let begin = 0; begin < order.length; begin += rows) {
      for (const { from, into, width } of this.columns) gather(from, into, { order, begin, rows, width })
      yield tensors
    }
  }
}

interface Rows {
  readonly order: Uint32Array
  readonly begin: number
  readonly rows: number
  readonly width: number
}

function gather({ data: from }: HostTensor, { data: into }: HostTensor, { order, begin, rows, width }: Rows): void {
  for (let r = 0; r < rows; r++) {
    const row = order[begin + r]! * width
    for (let k = 0; k < width; k++) into[r * width + k] = from[row + k]!
  }
}
