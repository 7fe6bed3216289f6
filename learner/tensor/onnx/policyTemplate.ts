import type { Graph } from '../graph.ts'
import { viewsOf, type Layout } from '../layout.ts'
import { graphError } from '../shapes.ts'
import { toOnnx } from './model.ts'

/** The parts of a `PolicyTemplate`, as plain data: what crosses to another thread. */
export interface PolicyModel {
  /** The model, its weights zero. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Length of the flat vector that its weights are taken from. */
  readonly weights: number
  /** Byte ranges of the flat vector, and where each lies in the model. */
  readonly places: readonly { readonly to: number; readonly from: number; readonly bytes: number }[]
}

/** An ONNX model written once, whose weights are then replaced in place: what is published after every update. */
export class PolicyTemplate {
  readonly model: PolicyModel

  constructor(model: PolicyModel) {
    this.model = model
  }

  /** @param graph its parameters must all be in `layout`; those of `layout` that it does not use are left out of the model */
  static of(graph: Graph, layout: Layout): PolicyTemplate {
    const { bytes, parameterOffsets } = toOnnx(graph, viewsOf(new Float32Array(layout.size), layout))
    const places = layout.entries.flatMap(({ name, offset, size }) => {
      const to = parameterOffsets.get(name)
      return to === undefined ? [] : [{ to, from: offset * 4, bytes: size * 4 }]
    })
    return new PolicyTemplate({ bytes, weights: layout.size, places })
  }

  /** Bytes of every model it gives. */
  get byteLength(): number {
    return this.model.bytes.length
  }

  /**
   * The model with these weights, a fresh buffer. Costs a copy of the file and of the weights, whatever their alignment in it.
   *
   * @param flat float32 [P] in the order of the layout
   * @throws MillraceError E_GRAPH if the number of weights is wrong
   */
  withWeights(flat: Float32Array): Uint8Array<ArrayBuffer> {
    const { bytes: template, weights, places } = this.model
    if (flat.length !== weights) throw graphError('withWeights', `wants ${weights} weights, got ${flat.length}`)
    const model = template.slice()
    for (const { to, from, bytes } of places) model.set(new Uint8Array(flat.buffer, flat.byteOffset + from, bytes), to)
    return model
  }
}
