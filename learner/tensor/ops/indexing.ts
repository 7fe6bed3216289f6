import { defineOp, type Tensor } from '../graph.ts'
import { ELEMENT_TYPE, int32 } from '../host.ts'
import type { TfTensor } from '../engines/tf.ts'
import { formatShape, graphError, sameShape, sizeOf, type Dim } from '../shapes.ts'
import { reduceSum } from './reduce.ts'
import { equal, where } from './logic.ts'
import { expandLast } from './shape.ts'
import { constant } from './sources.ts'

const gatherOp = defineOp<null>({
  name: 'gather',
  infer: (_, x: Tensor, indices: Tensor) => {
    if (x.shape.length === 0 || indices.dtype !== 'int32') {
      throw graphError('gather', `wants rows and int32 indices, got ${indices.dtype}`, [x.shape, indices.shape])
    }
    return { shape: [...indices.shape, ...x.shape.slice(1)], dtype: x.dtype }
  },
  onnx: (emit, _, x: string, indices: string) => emit.node('Gather', [x, indices], { axis: 0 }),
  tf: (tf, _, x: TfTensor, indices: TfTensor) => tf.gather(x, indices),
  gradient: (_, g, x: Tensor, indices: Tensor) => [scatterOp(null, g, indices, x), undefined],
})

/** Rows of x [R, ...] by number: indices of any shape give [...indices, ...]. An index outside 0 … R - 1 is an engine's error. */
export const gather = (x: Tensor, indices: Tensor): Tensor => gatherOp(null, x, indices)

/** Sums rows g [...indices, ...] into the rows they came from; `like` only gives the shape. */
const scatterOp = defineOp<null>({
  name: 'scatterRows',
  infer: (_, g: Tensor, indices: Tensor, like: Tensor) => {
    const wanted = [...indices.shape, ...like.shape.slice(1)]
    if (!sameShape(g.shape, wanted)) throw graphError('scatterRows', `wants ${formatShape(wanted)}`, [g.shape])
    return like
  },
  onnx: (emit, _, g: string, indices: string, like: string) => {
    const zeros = emit.node('Expand', [emit.float(0), emit.node('Shape', [like])])
    const rows = emit.node('Unsqueeze', [emit.node('Cast', [indices], { to: 7 }), emit.ints([-1])])
    return emit.node('ScatterND', [zeros, rows, g], { reduction: 'add' })
  },
  tf: (tf, _, g: TfTensor, indices: TfTensor, like: TfTensor) =>
    tf.scatterND(tf.reshape(indices, [...indices.shape, 1]), g, like.shape),
  gradient: (_, h, _g, indices: Tensor) => [gather(h, indices), undefined, undefined],
})

/** True at the index of each entry: [...] int32 in 0 … depth - 1 becomes bool [..., depth]. */
export const oneHot = (indices: Tensor, depth: number): Tensor =>
  equal(expandLast(indices), constant(int32(Array.from({ length: depth }, (_, i) => i))))

const argMaxOp = defineOp<null>({
  name: 'argMax',
  infer: (_, x: Tensor) => {
    if (x.dtype !== 'float32' || x.shape.length === 0)
      throw graphError('argMax', `wants float32 with an axis, got ${x.dtype}`, [x.shape])
    return { shape: x.shape.slice(0, -1), dtype: 'int32' }
  },
  onnx: (emit, _, x: string) =>
    emit.node('Cast', [emit.node('ArgMax', [x], { axis: -1, keepdims: 0 })], { to: ELEMENT_TYPE.int32 }),
  tf: (tf, { inputs: [x] }, value: TfTensor) => tf.argMax(value, (x?.shape.length ?? 1) - 1),
  gradient: null,
})

/** The index of the largest along the last axis, the first of equals: [..., A] becomes int32 [...]. */
export const argMax = (x: Tensor): Tensor => argMaxOp(null, x)

/** x[..., indices[...]]: of x [..., A] and int32 indices [...], the log-probability of the action taken for instance. */
export function takeAlongLastAxis(x: Tensor, indices: Tensor): Tensor {
  if (!sameShape(x.shape.slice(0, -1), indices.shape) || indices.dtype !== 'int32') {
    throw graphError('takeAlongLastAxis', `wants [..., A] and int32 [...], got ${indices.dtype}`, [
      x.shape,
      indices.shape,
    ])
  }
  const depth = sizeOf([x.shape.at(-1) as Dim], 'takeAlongLastAxis')
  return reduceSum(where(oneHot(indices, depth), x, 0), { axes: [-1] })
}
