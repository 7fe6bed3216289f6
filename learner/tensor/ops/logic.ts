import { defineOp, type Operand, type Tensor } from '../graph.ts'
import { ELEMENT_TYPE, type DType } from '../host.ts'
import type { Tf, TfTensor } from '../engines/tf.ts'
import { broadcastShapes, graphError } from '../shapes.ts'
import { asTensor } from './sources.ts'

interface CompareRow {
  readonly onnx: string
  readonly wants: 'numbers' | 'bool'
  readonly tf: (tf: Tf, a: TfTensor, b: TfTensor) => TfTensor
}

/** Element by element, broadcasting; the result is bool and has no gradient. */
const COMPARE = {
  greater: { onnx: 'Greater', wants: 'numbers', tf: (tf, a, b) => tf.greater(a, b) },
  less: { onnx: 'Less', wants: 'numbers', tf: (tf, a, b) => tf.less(a, b) },
  equal: { onnx: 'Equal', wants: 'numbers', tf: (tf, a, b) => tf.equal(a, b) },
  and: { onnx: 'And', wants: 'bool', tf: (tf, a, b) => tf.logicalAnd(a, b) },
  or: { onnx: 'Or', wants: 'bool', tf: (tf, a, b) => tf.logicalOr(a, b) },
} as const satisfies Record<string, CompareRow>

function compare(name: keyof typeof COMPARE): (a: Operand, b: Operand) => Tensor {
  const row: CompareRow = COMPARE[name]
  const make = defineOp<null>({
    name,
    infer: (_, a: Tensor, b: Tensor) => {
      if (a.dtype !== b.dtype || (a.dtype === 'bool') !== (row.wants === 'bool')) {
        throw graphError(name, `wants two of ${row.wants}, got ${a.dtype} and ${b.dtype}`, [a.shape, b.shape])
      }
      return { shape: broadcastShapes(name, a.shape, b.shape), dtype: 'bool' }
    },
    onnx: (emit, _, a: string, b: string) => emit.node(row.onnx, [a, b]),
    tf: (tf, _, a: TfTensor, b: TfTensor) => row.tf(tf, a, b),
    gradient: null,
  })
  return (a, b) => make(null, ...pair(name, a, b))
}

/** Two operands as tensors. @throws MillraceError E_GRAPH if both are numbers */
export function pair(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
  if (typeof a !== 'number') return [a, asTensor(b, a)]
  if (typeof b !== 'number') return [asTensor(a, b), b]
  throw graphError(op, 'wants at least one tensor')
}

export const greater = compare('greater')
export const less = compare('less')
export const equal = compare('equal')
export const and = compare('and')
export const or = compare('or')

const notOp = defineOp<null>({
  name: 'not',
  infer: (_, x: Tensor) => {
    if (x.dtype !== 'bool') throw graphError('not', `wants bool, got ${x.dtype}`, [x.shape])
    return x
  },
  onnx: (emit, _, x: string) => emit.node('Not', [x]),
  tf: (tf, _, x: TfTensor) => tf.logicalNot(x),
  gradient: null,
})

export const not = (x: Tensor): Tensor => notOp(null, x)

const whereOp = defineOp<null>({
  name: 'where',
  infer: (_, condition: Tensor, a: Tensor, b: Tensor) => {
    if (condition.dtype !== 'bool' || a.dtype !== b.dtype) {
      const got = `${condition.dtype}, ${a.dtype}, ${b.dtype}`
      throw graphError('where', `wants bool and two of one type, got ${got}`, [condition.shape, a.shape, b.shape])
    }
    return { shape: broadcastShapes('where', condition.shape, a.shape, b.shape), dtype: a.dtype }
  },
  onnx: (emit, _, ...args) => emit.node('Where', args),
  tf: (tf, _, condition: TfTensor, a: TfTensor, b: TfTensor) => tf.where(condition, a, b),
  gradient: (_, g, condition: Tensor) => [undefined, where(condition, g, 0), where(condition, 0, g)],
  lazyGradient: true,
})

/** `a` where the condition holds, else `b`; all three broadcast. */
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor =>
  whereOp(null, condition, ...pair('where', a, b))

const castOp = defineOp<{ to: DType }>({
  name: 'cast',
  infer: ({ to }, x: Tensor) => ({ shape: x.shape, dtype: to }),
  onnx: (emit, node, x: string) => emit.node('Cast', [x], { to: ELEMENT_TYPE[node.attributes.to] }),
  tf: (tf, { attributes: { to } }, x: TfTensor) => tf.cast(x, to === 'float32' || to === 'bool' ? to : 'int32'),
  gradient: (_, g, x: Tensor) => [x.dtype === 'float32' ? g : undefined],
  lazyGradient: true,
})

/** The same values in another type; only float32 to float32 passes a gradient. */
export const cast = (x: Tensor, to: DType): Tensor => (x.dtype === to ? x : castOp({ to }, x))

const stopOp = defineOp<null>({
  name: 'stopGradient',
  infer: (_, x: Tensor) => x,
  onnx: (_emit, _, x: string) => x,
  tf: (_tf, _, x: TfTensor) => x,
  gradient: null,
})

/** The same values; no gradient passes. */
export const stopGradient = (x: Tensor): Tensor => stopOp(null, x)

/** 1 where the bool tensor holds, else 0, as float32. */
export const indicator = (condition: Tensor): Tensor => cast(condition, 'float32')
