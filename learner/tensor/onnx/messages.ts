import { ELEMENT_TYPE, type DType, type HostTensor } from '../host.ts'
import type { Shape } from '../shapes.ts'
import type { OnnxAttribute, OnnxAttributes } from './emitter.ts'
import { ProtobufWriter } from './protobuf.ts'

// Field numbers are those of onnx.proto (ONNX IR version 8); the file format is little-endian, as are all machines that run this.

/** TensorProto; `rawAt` is where in it the elements begin. */
export function tensorProto(name: string, value: HostTensor): { message: ProtobufWriter; rawAt: number } {
  const message = new ProtobufWriter()
  for (const dim of value.shape) message.integer(1, dim)
  message.integer(2, ELEMENT_TYPE[value.dtype])
  message.string(8, name)
  const { buffer, byteOffset, byteLength } = value.data
  const rawAt = message.raw(9, new Uint8Array(buffer, byteOffset, byteLength))
  return { message, rawAt }
}

/** ValueInfoProto of a tensor; symbolic dimensions keep their name. */
export function valueInfoProto(name: string, dtype: DType, shape: Shape): ProtobufWriter {
  const dims = new ProtobufWriter()
  for (const dim of shape) {
    const one = new ProtobufWriter()
    if (typeof dim === 'number') one.integer(1, dim)
    else one.string(2, dim)
    dims.message(1, one)
  }
  const tensor = new ProtobufWriter()
  tensor.integer(1, ELEMENT_TYPE[dtype])
  tensor.message(2, dims)
  const type = new ProtobufWriter()
  type.message(1, tensor)
  const info = new ProtobufWriter()
  info.string(1, name)
  info.message(2, type)
  return info
}

export interface OnnxNode {
  readonly opType: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: OnnxAttributes
}

/** NodeProto */
export function nodeProto({ opType, inputs, outputs, attributes }: OnnxNode): ProtobufWriter {
  const message = new ProtobufWriter()
  for (const name of inputs) message.string(1, name)
  for (const name of outputs) message.string(2, name)
  message.string(4, opType)
  for (const [name, value] of Object.entries(attributes)) message.message(5, attributeProto(name, value))
  return message
}

function attributeProto(name: string, value: OnnxAttribute): ProtobufWriter {
  const message = new ProtobufWriter()
  message.string(1, name)
  if (typeof value === 'number') {
    message.integer(3, value)
    message.integer(20, 2)
  } else if (typeof value === 'string') {
    message.string(4, value)
    message.integer(20, 3)
  } else if ('float' in value) {
    message.float(2, value.float)
    message.integer(20, 1)
  } else {
    for (const v of value) message.integer(8, v)
    message.integer(20, 7)
  }
  return message
}
