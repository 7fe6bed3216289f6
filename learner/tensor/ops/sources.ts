import { defineOp, type Operand, type Tensor } from '../graph.ts'
import { allocate, type DType, type HostTensor } from '../host.ts'
import type { Initializer } from '../initializers.ts'
import { graphError, type Shape } from '../shapes.ts'

const unbound = (kind: string, name: string) =>
  graphError(kind, `"${name}" is not an input of this graph and has no value`)

const inputOp = defineOp<{ name: string; shape: Shape; dtype: DType }>({
  name: 'input',
  infer: ({ shape, dtype }) => ({ shape, dtype }),
  onnx: (_emit, node) => {
    throw unbound('input', node.attributes.name)
  },
  tf: (_tf, node) => {
    throw unbound('input', node.attributes.name)
  },
  gradient: null,
  key: (node) => String(node.id),
})

/** A tensor that is fed when the graph runs. */
export const input = (name: string, shape: Shape, dtype: DType = 'float32'): Tensor => inputOp({ name, shape, dtype })

/** The name an input was made with. @throws MillraceError E_GRAPH if the node is not an input */
export function inputName(node: Tensor): string {
  if (node.op.name !== 'input') throw graphError(node.op.name, 'is not an input', [node.shape])
  return (node.attributes as { name: string }).name
}

interface ParameterAttributes {
  readonly name: string
  readonly shape: readonly number[]
  readonly initial: Initializer
}

const parameterOp = defineOp<ParameterAttributes>({
  name: 'parameter',
  infer: ({ shape }) => ({ shape, dtype: 'float32' }),
  onnx: (_emit, node) => {
    throw unbound('parameter', node.attributes.name)
  },
  tf: (_tf, node) => {
    throw unbound('parameter', node.attributes.name)
  },
  gradient: null,
  key: (node) => String(node.id),
})

/** A named weight, to be bound to a slice of a flat vector or to values; `initial` fills it at the start. */
export const parameter = (name: string, shape: readonly number[], initial: Initializer): Tensor =>
  parameterOp({ name, shape, initial })

/** Name, shape and initialiser of a parameter. @throws MillraceError E_GRAPH if the node is not one */
export function parameterAttributes(node: Tensor): ParameterAttributes {
  if (node.op.name !== 'parameter') throw graphError(node.op.name, 'is not a parameter', [node.shape])
  return node.attributes as ParameterAttributes
}

/** Constants up to this many elements are compared by value, larger ones by identity. */
const COMPARED = 256

const constantOp = defineOp<{ value: HostTensor }>({
  name: 'constant',
  infer: ({ value }) => ({ shape: value.shape, dtype: value.dtype }),
  onnx: (emit, node) => emit.tensor(node.attributes.value),
  tf: (tf, node) => {
    const { dtype, shape, data } = node.attributes.value
    if (dtype === 'float32' || dtype === 'bool') return tf.tensor(data as Float32Array | Uint8Array, [...shape], dtype)
    return tf.tensor(Int32Array.from(data as Int32Array, Number), [...shape], 'int32')
  },
  gradient: null,
  key: (node) => {
    const { dtype, shape, data } = node.attributes.value
    return data.length > COMPARED ? String(node.id) : `${dtype}[${shape.join()}]${data.join()}`
  },
})

/** Fixed values. */
export const constant = (value: HostTensor): Tensor => constantOp({ value })

/** A fixed number of shape []. */
export function scalar(value: number, dtype: DType = 'float32'): Tensor {
  const data = allocate(dtype, 1)
  if (data instanceof BigInt64Array) data[0] = BigInt(value)
  else data[0] = value
  return constant({ dtype, shape: [], data })
}

/** An operand as a tensor; a number takes the dtype of `like`. */
export const asTensor = (x: Operand, like: Tensor): Tensor => (typeof x === 'number' ? scalar(x, like.dtype) : x)

/** The value of a constant of one element; undefined for anything else. */
export function scalarValue(node: Tensor): number | undefined {
  if (node.op.name !== 'constant') return undefined
  const { data } = (node.attributes as { value: HostTensor }).value
  return data.length === 1 ? Number(data[0]) : undefined
}
