import { deduplicate, type Graph, type Tensor } from '../graph.ts'
import type { HostTensor } from '../host.ts'
import { inputName, parameterAttributes } from '../ops/sources.ts'
import { graphError } from '../shapes.ts'
import type { Emitter } from './emitter.ts'
import { nodeProto, tensorProto, valueInfoProto, type OnnxNode } from './messages.ts'
import { ProtobufWriter } from './protobuf.ts'

const IR_VERSION = 8
const OPSET = 18

export interface OnnxModel {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where in `bytes` the elements of each bound parameter begin, by its name. */
  readonly parameterOffsets: ReadonlyMap<string, number>
  /** How many ONNX nodes there are. */
  readonly nodeCount: number
}

/**
 * A graph as an ONNX file (opset 18). Nodes that are equal are written once.
 *
 * @param parameters values of parameters that are not bound to an input, by name; they become initialisers
 * @throws MillraceError E_GRAPH if the graph depends on an input it does not list, or on a parameter without a value
 */
export function toOnnx(graph: Graph, parameters: Readonly<Record<string, HostTensor>> = {}): OnnxModel {
  const { nodes, find } = deduplicate([...graph.inputs, ...Object.values(graph.outputs)])
  const names = new Map<Tensor, string>(graph.inputs.map((x) => [x, inputName(x)]))
  const emitter = new ModelEmitter([...names.values(), ...Object.keys(graph.outputs)])
  const parameterNames = new Map<string, string>()
  for (const node of nodes) {
    if (names.has(node)) continue
    if (node.op.name === 'parameter') {
      const { name } = parameterAttributes(node)
      const value = parameters[name]
      if (!value) throw graphError('toOnnx', `parameter "${name}" has no value`, [node.shape])
      const own = emitter.initializer(name, value)
      names.set(node, own)
      parameterNames.set(own, name)
    } else {
      names.set(node, node.op.onnx(emitter, node, ...node.inputs.map((x) => names.get(find(x)) as string)))
    }
  }
  for (const [name, node] of Object.entries(graph.outputs)) emitter.output(names.get(find(node)) as string, name)
  return write(graph, emitter, parameterNames)
}

function write(graph: Graph, emitter: ModelEmitter, parameterNames: ReadonlyMap<string, string>): OnnxModel {
  const body = new ProtobufWriter()
  const offsets = new Map<string, number>()
  for (const node of emitter.nodes) body.message(1, nodeProto(node))
  body.string(2, graph.name)
  for (const [name, value] of emitter.initializers) {
    const { message, rawAt } = tensorProto(name, value)
    const at = body.message(5, message)
    const parameter = parameterNames.get(name)
    if (parameter !== undefined) offsets.set(parameter, at + rawAt)
  }
  for (const x of graph.inputs) body.message(11, valueInfoProto(inputName(x), x.dtype, x.shape))
  for (const [name, x] of Object.entries(graph.outputs)) body.message(12, valueInfoProto(name, x.dtype, x.shape))

  const opset = new ProtobufWriter()
  opset.integer(2, OPSET)
  const model = new ProtobufWriter()
  model.integer(1, IR_VERSION)
  model.string(2, 'millrace')
  const graphAt = model.message(7, body)
  model.message(8, opset)
  for (const [name, offset] of offsets) offsets.set(name, graphAt + offset)
  return { bytes: model.finish(), parameterOffsets: offsets, nodeCount: emitter.nodes.length }
}

class ModelEmitter implements Emitter {
  nodes: OnnxNode[] = []
  readonly initializers = new Map<string, HostTensor>()
  private readonly taken: ReadonlySet<string>
  private readonly aliases = new Map<string, string>()
  private readonly shared = new Map<string, readonly string[]>()

  constructor(taken: readonly string[]) {
    this.taken = new Set(taken)
  }

  node(opType: string, inputs: readonly string[], attributes = {}): string {
    return this.nodeOf(opType, inputs, { outputs: 1, attributes })[0] as string
  }

  nodeOf(
    opType: string,
    inputs: readonly string[],
    options: { outputs: number; attributes?: OnnxNode['attributes'] },
  ): string[] {
    const outputs = Array.from({ length: options.outputs }, (_, i) => this.fresh(`n${this.nodes.length}_${i}`))
    this.nodes.push({ opType, inputs, outputs, attributes: options.attributes ?? {} })
    return outputs
  }

  once(key: string, make: () => string[]): readonly string[] {
    const known = this.shared.get(key) ?? make()
    this.shared.set(key, known)
    return known
  }

  ints(values: readonly number[]): string {
    return this.tensor({ dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) })
  }

  float(value: number): string {
    return this.tensor({ dtype: 'float32', shape: [], data: Float32Array.of(value) })
  }

  tensor(value: HostTensor): string {
    const make = () => [this.initializer(`c${this.initializers.size}`, value)]
    if (value.data.length > 64) return make()[0] as string
    return this.once(`constant ${value.dtype} [${value.shape.join()}] ${value.data.join()}`, make)[0] as string
  }

  initializer(name: string, value: HostTensor): string {
    const own = this.fresh(name)
    this.initializers.set(own, value)
    return own
  }

  /** Lets a value be an output of the model: under its own name if a node made it, else as a copy. */
  output(value: string, to: string): void {
    const from = this.aliases.get(value) ?? value
    const at = this.nodes.findIndex((node) => node.outputs.includes(from))
    const node = this.nodes[at]
    if (!node || this.taken.has(from)) {
      this.nodes.push({ opType: 'Identity', inputs: [from], outputs: [to], attributes: {} })
      return
    }
    const renamed = (name: string) => (name === from ? to : name)
    this.nodes = this.nodes.map((n) => ({ ...n, inputs: n.inputs.map(renamed), outputs: n.outputs.map(renamed) }))
    this.aliases.set(from, to)
  }

  private fresh(name: string): string {
    return this.taken.has(name) ? this.fresh(`${name}_`) : name
  }
}
