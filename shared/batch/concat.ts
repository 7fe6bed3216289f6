// Hot path of the learner: reads within bounds that were checked before, so `!` on typed arrays is fine here.
import { MillraceError } from '../errors.ts'
import type { ColumnSpec } from './columnSpec.ts'
import { ITEM_BYTES, columnNamed, columnOf, elementsOf, sameShape } from './columns.ts'
import { copyBlocks } from './copyBlocks.ts'
import type { Column, DType, Provenance, SampleBatch, TypedArray } from './sampleBatch.ts'

/**
 * Fragments of one T side by side along B (B now the sum). Columns are as in a SampleBatch, with two differences:
 * `policy_versions` is [T, F], column f of provenance f, and `episode_returns`/`episode_lengths` are in order of (f, t, b).
 * Fragment f's envs are the columns from the sum of the earlier fragments' B on.
 */
export interface TrainBatch {
  readonly columns: Readonly<Record<string, Column>>
  /** One a fragment, in the order given. */
  readonly provenances: readonly Provenance[]
  readonly T: number
  readonly B: number
  readonly envSteps: number
}

/** Where a column's memory comes from; `ColumnBuffers.take` has this form. */
export type AllocateColumn = (name: string, dtype: DType, length: number) => TypedArray

/** New memory for every column. */
export const newColumn: AllocateColumn = (_name, dtype, length) => {
  if (dtype === 'F32') return new Float32Array(length)
  if (dtype === 'I32') return new Int32Array(length)
  return dtype === 'U8' ? new Uint8Array(length) : new Float64Array(length)
}

interface Part {
  readonly fragment: SampleBatch
  readonly B: number
  /** Number of its first env in the joined batch. */
  readonly firstEnv: number
}

/**
 * Joins fragments along B, each column as its spec says. Every fragment must have these columns, of the same dtypes and the same shapes but
 * for B, K and E.
 *
 * @param allocate where the columns go: with `ColumnBuffers`, valid until the next call with the same ones. Without it they are
 *   new arrays, and those of a single fragment are that fragment's own
 * @throws MillraceError E_BATCH_SHAPE naming the column, the shard and the lease that does not fit
 */
export function concatFragments(
  fragments: readonly SampleBatch[],
  specs: readonly ColumnSpec[],
  allocate?: AllocateColumn,
): TrainBatch {
  const [first] = fragments
  if (first === undefined) throw new MillraceError('E_BATCH_SHAPE', 'no fragments to join')
  const T = stepsOf(first)
  let B = 0
  const parts = fragments.map((fragment): Part => {
    const itsT = stepsOf(fragment)
    if (itsT !== T) throw misfit(fragment, 'policy_versions', `has T ${itsT}, the first fragment ${T}`)
    const itsB = fragment.provenance.envSteps / T
    B += itsB
    return { fragment, B: itsB, firstEnv: B - itsB }
  })
  const join = { parts, T, B, allocate: allocate ?? newColumn, alias: parts.length === 1 && allocate === undefined }
  const columns: Record<string, Column> = {}
  for (const spec of specs) if (spec.join !== 'finals') columns[spec.name] = joinColumn(spec, join)
  if (specs.some((spec) => spec.join === 'finals')) Object.assign(columns, joinFinals(join))
  const provenances = fragments.map(({ provenance }) => provenance)
  return { columns, provenances, T, B, envSteps: T * B }
}

interface Joining {
  readonly parts: readonly Part[]
  readonly T: number
  readonly B: number
  readonly allocate: AllocateColumn
  /** Nothing to join and nowhere to put it: take the fragment's own arrays. */
  readonly alias: boolean
}

function joinColumn({ name, join, dims }: ColumnSpec, { parts, T, B, allocate, alias }: Joining): Column {
  const model = columnNamed(parts[0]!.fragment, name)
  const own = join === 'envs' ? 2 : join === 'stack' ? 0 : 1
  const rest = model.shape.slice(own)
  const columns = parts.map(({ fragment, B: itsB }) => {
    const column = columnNamed(fragment, name)
    const rows = dims[0] === 'B' ? itsB : (column.shape[0] ?? 0)
    const lead = { envs: [T, itsB], versions: [T], rows: [rows], finals: [rows], stack: [] }[join]
    checkFits(fragment, name, { column, dtype: model.dtype, shape: [...lead, ...rest] })
    return column
  })
  const F = columns.length
  const total = columns.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0)
  const shape = { envs: [T, B], versions: [T, F], rows: [total], finals: [total], stack: [F] }[join].concat(rest)
  if (alias) return columnOf(model.data, shape)
  const target = allocate(name, model.dtype, elementsOf(shape))
  const blocks = join === 'envs' || join === 'versions' ? T : 1
  const stride = target.byteLength / blocks
  let at = 0
  for (const { data } of columns) {
    copyBlocks(data, target, { blocks, at, stride })
    at += data.byteLength / blocks
  }
  return columnOf(target, shape)
}

/** `final_index` counts t * B + b, so joining changes it; rows are merged so that it stays ascending. */
function joinFinals({ parts, T, B, allocate }: Joining): Record<string, Column> {
  const model = columnNamed(parts[0]!.fragment, 'final_observations')
  const row = model.shape.slice(1)
  const width = elementsOf(row)
  const finals = parts.map(({ fragment, B: itsB, firstEnv }) => {
    const rows = columnNamed(fragment, 'final_observations')
    const index = columnNamed(fragment, 'final_index')
    const K = index.shape[0] ?? 0
    checkFits(fragment, 'final_index', { column: index, dtype: 'I32', shape: [K] })
    checkFits(fragment, 'final_observations', { column: rows, dtype: model.dtype, shape: [K, ...row] })
    return { rows: rows.data, index: index.data, B: itsB, firstEnv, K, next: 0 }
  })
  const K = finals.reduce((sum, part) => sum + part.K, 0)
  const index = allocate('final_index', 'I32', K)
  const rows = allocate('final_observations', model.dtype, K * width)
  for (let k = 0; k < K; k++) {
    let from = finals[0]!
    let least = Infinity
    for (const part of finals) {
      if (part.next === part.K) continue
      const own = part.index[part.next]!
      const at = Math.floor(own / part.B) * B + part.firstEnv + (own % part.B)
      if (at >= least) continue
      least = at
      from = part
    }
    if (!(least >= 0 && least < T * B)) {
      throw new MillraceError(
        'E_BATCH_SHAPE',
        `column final_index points at step ${least}, the joined batch has ${T * B}`,
      )
    }
    const start = from.next++ * width
    index[k] = least
    for (let i = 0; i < width; i++) rows[k * width + i] = from.rows[start + i]!
  }
  return { final_index: columnOf(index, [K]), final_observations: columnOf(rows, [K, ...row]) }
}

function stepsOf(fragment: SampleBatch): number {
  const { shape } = columnNamed(fragment, 'policy_versions')
  const [T] = shape
  if (shape.length !== 1 || !T) throw misfit(fragment, 'policy_versions', `is [${shape.join(', ')}], expected [T]`)
  return T
}

function checkFits(
  fragment: SampleBatch,
  name: string,
  fit: { column: Column; dtype: DType; shape: readonly number[] },
): void {
  const { column, dtype, shape } = fit
  if (
    column.dtype === dtype &&
    sameShape(column.shape, shape) &&
    column.data.byteLength === elementsOf(shape) * ITEM_BYTES[dtype]
  )
    return
  const found = `${column.dtype} [${column.shape.join(', ')}]`
  throw misfit(fragment, name, `is ${found}, expected ${dtype} [${shape.join(', ')}]`)
}

function misfit(fragment: SampleBatch, column: string, what: string): MillraceError {
  const { shard, lease, sequence } = fragment.provenance
  return new MillraceError('E_BATCH_SHAPE', `column ${column} ${what} (shard ${shard}, lease ${lease})`, {
    column,
    shard,
    lease,
    sequence,
  })
}
