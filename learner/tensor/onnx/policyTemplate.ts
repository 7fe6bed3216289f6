import type { Graph } from '../graph.ts'
import { viewsOf, type Layout } from '../layout.ts'
import { graphError } from '../shapes.ts'
import { toOnnx } from './model.ts'

/** An ONNX model written once, whose weights are then replaced in place: what is published after every update. */
export class PolicyTemplate {
  readonly layout: Layout
  /** Bytes of every model it gives. */
  readonly byteLength: number
  private readonly bytes: Uint8Array<ArrayBuffer>
  private readonly places: readonly { readonly to: number; readonly from: number; readonly bytes: number }[]

  /** @param graph its parameters must all be in `layout`; those of `layout` that it does not use are left out of the model */
  constructor(graph: Graph, layout: Layout) {
    const model = toOnnx(graph, viewsOf(new Float32Array(layout.size), layout))
    this.layout = layout
    this.bytes = model.bytes
    this.byteLength = model.bytes.length
    this.places = layout.entries.flatMap(({ name, offset, size }) => {
      const to = model.parameterOffsets.get(name)
      return to === undefined ? [] : [{ to, from: offset * 4, bytes: size * 4 }]
    })
  }

  /**
   * The model with these weights, a fresh buffer. Costs a copy of the file and of the weights, whatever their alignment in it.
   *
   * @param flat float32 [P] in the order of `layout`
   * @throws MillraceError E_GRAPH if the number of weights is wrong
   */
  withWeights(flat: Float32Array): Uint8Array<ArrayBuffer> {
    if (flat.length !== this.layout.size) {
      throw graphError('withWeights', `wants ${this.layout.size} weights, got ${flat.length}`)
    }
    const model = this.bytes.slice()
    for (const { to, from, bytes } of this.places)
      model.set(new Uint8Array(flat.buffer, flat.byteOffset + from, bytes), to)
    return model
  }
}
