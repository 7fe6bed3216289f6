// Typed-array reads use `!`: every index is below a length that was checked.
import { columnNamed, columnOf, elementsOf } from '../batch/columns.ts'
import { newColumn } from '../batch/concat.ts'
import type { Column } from '../batch/sampleBatch.ts'
import { MillraceError } from '../errors.ts'
import type { Random } from '../random.ts'

/** The numbers 0 … count-1 in a random order (Fisher and Yates). */
export function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}

/**
 * Some of the steps of columns [T, B, …], as columns [rows, …].
 *
 * @param wanted what a graph takes: names, and shapes whose first size is `rows`
 * @param rows steps, as t * B + b
 * @throws MillraceError E_BATCH_SHAPE where a column is missing or does not fit
 */
export function rowsOf(
  columns: Readonly<Record<string, Column>>,
  wanted: readonly { readonly name: string; readonly shape: readonly (number | string)[] }[],
  rows: Uint32Array,
): Record<string, Column> {
  return Object.fromEntries(
    wanted.map(({ name, shape }) => {
      const { data, dtype } = columnNamed({ columns }, name)
      const own = shape.map(Number)
      const width = elementsOf(own.slice(1))
      if (own[0] !== rows.length || data.length % width !== 0)
        throw new MillraceError('E_BATCH_SHAPE', `${rows.length} rows of ${name} are no [${shape.join(', ')}]`)
      const into = newColumn(name, dtype, rows.length * width)
      for (let r = 0; r < rows.length; r++)
        for (let k = 0; k < width; k++) into[r * width + k] = data[rows[r]! * width + k]!
      return [name, columnOf(into, own)] as const
    }),
  )
}
