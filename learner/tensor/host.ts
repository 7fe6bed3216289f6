import { graphError } from './shapes.ts'

export type DType = 'float32' | 'int32' | 'int64' | 'uint8' | 'bool'

/** ONNX's numbers of the types. */
export const ELEMENT_TYPE = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 } as const satisfies Record<
  DType,
  number
>

/** Elements in memory: bool is a Uint8Array of 0 and 1, int64 a BigInt64Array. */
export type TypedArray = Float32Array | Int32Array | BigInt64Array | Uint8Array

/** A tensor with its elements, row-major: what goes into a program and comes out. */
export interface HostTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: TypedArray
}

/** A float32 tensor of numbers; a vector if no shape is given. @throws MillraceError E_GRAPH if the shape does not fit */
export const float32 = (values: ArrayLike<number>, shape: readonly number[] = [values.length]): HostTensor =>
  checked({ dtype: 'float32', shape, data: values instanceof Float32Array ? values : Float32Array.from(values) })

/** An int32 tensor, as `float32`. */
export const int32 = (values: ArrayLike<number>, shape: readonly number[] = [values.length]): HostTensor =>
  checked({ dtype: 'int32', shape, data: values instanceof Int32Array ? values : Int32Array.from(values) })

/** An array of `length` zeros that holds elements of `dtype`. */
export function allocate(dtype: DType, length: number): TypedArray {
  if (dtype === 'float32') return new Float32Array(length)
  if (dtype === 'int32') return new Int32Array(length)
  if (dtype === 'int64') return new BigInt64Array(length)
  return new Uint8Array(length)
}

function checked(tensor: HostTensor): HostTensor {
  const size = tensor.shape.reduce((product, d) => product * d, 1)
  if (size !== tensor.data.length)
    throw graphError('tensor', `${tensor.data.length} values do not fill the shape`, [tensor.shape])
  return tensor
}
