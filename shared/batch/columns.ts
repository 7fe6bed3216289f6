import { MillraceError } from '../errors.ts'
import type { Column, DType, SampleBatch, TypedArray } from './sampleBatch.ts'

/** Bytes an element takes. */
export const ITEM_BYTES: Readonly<Record<DType, 1 | 4 | 8>> = { F64: 8, F32: 4, I32: 4, U8: 1 }

/** The dtype a typed array stands for. */
export function dtypeOf(data: TypedArray): DType {
  if (data instanceof Float32Array) return 'F32'
  if (data instanceof Uint8Array) return 'U8'
  return data instanceof Int32Array ? 'I32' : 'F64'
}

/** A typed array over `length` elements of a buffer; `byteOffset` must be a multiple of the element's size. */
export function viewOf(
  dtype: DType,
  buffer: ArrayBufferLike,
  region: { byteOffset: number; length: number },
): TypedArray {
  const { byteOffset, length } = region
  if (dtype === 'F32') return new Float32Array(buffer, byteOffset, length)
  if (dtype === 'I32') return new Int32Array(buffer, byteOffset, length)
  if (dtype === 'U8') return new Uint8Array(buffer, byteOffset, length)
  return new Float64Array(buffer, byteOffset, length)
}

/** Number of elements of a shape; [] is a scalar, 1. */
export function elementsOf(shape: readonly number[]): number {
  let elements = 1
  for (const size of shape) elements *= size
  return elements
}

/** A column over an existing array. @throws MillraceError E_BATCH_SHAPE when the array does not have the shape's length */
export function columnOf(data: TypedArray, shape: readonly number[]): Column {
  if (data.length !== elementsOf(shape)) {
    throw new MillraceError('E_BATCH_SHAPE', `${data.length} elements do not make a column [${shape.join(', ')}]`)
  }
  return { dtype: dtypeOf(data), shape, data }
}

/** The column of this name. @throws MillraceError E_BATCH_SHAPE naming those there are */
export function columnNamed(batch: { readonly columns: SampleBatch['columns'] }, name: string): Column {
  const column = Object.hasOwn(batch.columns, name) ? batch.columns[name] : undefined
  if (column === undefined) {
    const present = Object.keys(batch.columns).join(', ')
    throw new MillraceError('E_BATCH_SHAPE', `the batch has no column ${name}; it has ${present || 'none'}`, {
      column: name,
    })
  }
  return column
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/**
 * One reusable buffer a column name, for the hot path of the learner: what is taken stays valid until the same name is
 * taken again, so one `ColumnBuffers` serves one batch at a time.
 */
export class ColumnBuffers {
  private readonly held = new Map<string, ArrayBufferLike>()
  private readonly make: (bytes: number) => ArrayBufferLike

  /** @param make where the memory comes from; `(n) => new SharedArrayBuffer(n)` shares batches with a worker thread */
  constructor(make: (bytes: number) => ArrayBufferLike = (bytes) => new ArrayBuffer(bytes)) {
    this.make = make
  }

  /** An array of exactly `length` elements; its content is whatever the last use left. */
  take(name: string, dtype: DType, length: number): TypedArray {
    const bytes = length * ITEM_BYTES[dtype]
    let buffer = this.held.get(name)
    if (buffer === undefined || buffer.byteLength < bytes) {
      // An eighth more than asked for, so that a size that creeps up does not allocate each time.
      buffer = this.make(Math.ceil((bytes + (bytes >> 3)) / 8) * 8)
      this.held.set(name, buffer)
    }
    return viewOf(dtype, buffer, { byteOffset: 0, length })
  }
}
