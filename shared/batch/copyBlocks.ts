// Hot path of the learner: `!` on typed arrays is fine here.
import { viewOf } from './columns.ts'
import type { TypedArray } from './sampleBatch.ts'

/** Blocks longer than this go through `set`: its fixed cost is then below that of the loop. */
const LONG_BLOCK_BYTES = 512

/**
 * Copies the `blocks` equal blocks that `source` consists of into `target`, block i to byte `at + i * stride`.
 * Works on 4-byte words where everything is a multiple of 4, on bytes otherwise; the element type does not matter.
 */
export function copyBlocks(
  source: TypedArray,
  target: TypedArray,
  { blocks, at, stride }: { blocks: number; at: number; stride: number },
): void {
  const block = source.byteLength / blocks
  const start = target.byteOffset + at
  const words = ((source.byteOffset | start | stride | block) & 3) === 0
  const unit = words ? 4 : 1
  const dtype = words ? 'I32' : 'U8'
  const from = viewOf(dtype, source.buffer, { byteOffset: source.byteOffset, length: source.byteLength / unit })
  const to = viewOf(dtype, target.buffer, { byteOffset: target.byteOffset, length: target.byteLength / unit })
  const length = block / unit
  const step = stride / unit
  let begin = at / unit
  for (let i = 0; i < blocks; i++, begin += step) {
    const first = i * length
    if (block > LONG_BLOCK_BYTES) to.set(from.subarray(first, first + length), begin)
    else for (let j = 0; j < length; j++) to[begin + j] = from[first + j]!
  }
}
