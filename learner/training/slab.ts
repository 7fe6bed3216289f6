import { type AllocateColumn, newColumn } from '../../shared/batch/index.ts'

const ITEM_BYTES = { F32: 4, I32: 4, U8: 1, F64: 8 } as const
const MAKE = { F32: Float32Array, I32: Int32Array, U8: Uint8Array, F64: Float64Array } as const

/**
 * One piece of memory for all columns of a train batch: it crosses to the worker in one hand-over and comes back with the answer.
 * What does not fit any more gets memory of its own.
 */
export class Slab {
  readonly memory: ArrayBuffer
  private used = 0

  /** @param memory of at least so many bytes as the columns are expected to take */
  constructor(memory: ArrayBuffer) {
    this.memory = memory
  }

  readonly allocate: AllocateColumn = (name, dtype, length) => {
    const from = Math.ceil(this.used / 8) * 8
    const bytes = length * ITEM_BYTES[dtype]
    if (from + bytes > this.memory.byteLength) return newColumn(name, dtype, length)
    this.used = from + bytes
    return new MAKE[dtype](this.memory, from, length)
  }
}
