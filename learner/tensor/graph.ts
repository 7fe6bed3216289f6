import type { Emitter } from './onnx/emitter.ts'
import type { Tf, TfTensor } from './engines/tf.ts'
import type { DType } from './host.ts'
import { graphError, type Shape } from './shapes.ts'

/** One node of a tensor graph: immutable, with exactly one result. `A` are the attributes of its operator. */
export interface Tensor<A = unknown> {
  /** Grows with every node that is made, so that a node's inputs always have smaller ones. */
  readonly id: number
  readonly op: Op<A>
  readonly inputs: readonly Tensor[]
  readonly attributes: A
  readonly shape: Shape
  readonly dtype: DType
}

/** A tensor, or a number that takes the dtype of what it is combined with. */
export type Operand = Tensor | number

/** A method's type lets `Op<A>` be an `Op`: an operator is only ever called with attributes of nodes that it made itself. */
interface GradientRule<A> {
  rule(node: Tensor<A>, g: Tensor, ...inputs: Tensor[]): readonly (Tensor | undefined)[]
}

/** What there is to know of an operator: one row of the table. */
export interface Op<A = unknown> {
  readonly name: string
  /** Shape and dtype of the result. @throws MillraceError E_GRAPH if the inputs do not fit */
  infer(attributes: A, ...inputs: Tensor[]): { readonly shape: Shape; readonly dtype: DType }
  /** Writes ONNX nodes; the names of the inputs come in, the name of the result goes out. */
  onnx(emit: Emitter, node: Tensor<A>, ...args: string[]): string
  /** The same result from TensorFlow.js. */
  tf(tf: Tf, node: Tensor<A>, ...args: TfTensor[]): TfTensor
  /**
   * Gradients of the inputs from `g`, the result's; undefined for an input that gets none. Sums over broadcast axes are left to
   * `gradients`. `null` says that the operator is not differentiable: it has to be said, so no rule is missing by accident.
   */
  readonly gradient: GradientRule<A>['rule'] | null
  /** The gradient rule also takes a `g` that only broadcasts to the result's shape; saves an expansion. */
  readonly lazyGradient?: boolean
  /** What makes two nodes with the same inputs equal; the attributes as JSON if not given. */
  key?(node: Tensor<A>): string
}

/** Every operator by name. */
export const OPS = new Map<string, Op>()

let nextId = 0

/** Makes nodes of one operator. */
export type Make<A> = (attributes: A, ...inputs: Tensor[]) => Tensor

/** Adds an operator to the table and gives the function that makes its nodes. */
export function defineOp<A>(op: Op<A>): Make<A> {
  // An operator is only ever called with attributes of nodes that it made itself, so their type may be forgotten.
  const erased = op as unknown as Op
  OPS.set(op.name, erased)
  return (attributes, ...inputs) => {
    const { shape, dtype } = op.infer(attributes, ...inputs)
    return Object.freeze({ id: nextId++, op: erased, inputs, attributes, shape, dtype })
  }
}

/** A node like `node` over other inputs. */
export function withInputs(node: Tensor, inputs: readonly Tensor[]): Tensor {
  const { shape, dtype } = node.op.infer(node.attributes, ...inputs)
  return Object.freeze({ ...node, id: nextId++, inputs, shape, dtype })
}

/** A function of named inputs with named outputs: what an engine loads and what becomes one ONNX file. */
export interface Graph {
  readonly name: string
  /** Tensors made by `input`, in the order in which a model lists them. */
  readonly inputs: readonly Tensor[]
  readonly outputs: Readonly<Record<string, Tensor>>
}

/** All nodes that `roots` depend on, inputs before users. */
export function reachable(roots: readonly Tensor[]): Tensor[] {
  const seen = new Set<Tensor>()
  const open = [...roots]
  for (let node = open.pop(); node; node = open.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    open.push(...node.inputs)
  }
  return [...seen].sort((a, b) => a.id - b.id)
}

/** Nodes in order, of equal ones the first only, and where each root went. */
export function deduplicate(roots: readonly Tensor[]): { nodes: Tensor[]; find: (node: Tensor) => Tensor } {
  const byKey = new Map<string, Tensor>()
  const canonical = new Map<Tensor, Tensor>()
  const nodes: Tensor[] = []
  for (const node of reachable(roots)) {
    const inputs = node.inputs.map((x) => canonical.get(x)?.id)
    const own = node.op.key ? node.op.key(node) : JSON.stringify(node.attributes)
    const key = `${node.op.name}|${inputs.join()}|${own}`
    const known = byKey.get(key)
    canonical.set(node, known ?? node)
    if (known) continue
    byKey.set(key, node)
    nodes.push(node)
  }
  const find = (node: Tensor): Tensor => {
    const found = canonical.get(node)
    if (!found) throw graphError(node.op.name, 'node is not part of this graph', [node.shape])
    return found
  }
  return { nodes, find }
}

/** `roots` with some nodes replaced by others, everything above them made anew. */
export function substitute(roots: readonly Tensor[], replacements: ReadonlyMap<Tensor, Tensor>): Tensor[] {
  const done = new Map<Tensor, Tensor>(replacements)
  for (const node of reachable(roots)) {
    if (done.has(node)) continue
    const inputs = node.inputs.map((x) => done.get(x) ?? x)
    done.set(node, inputs.some((x, i) => x !== node.inputs[i]) ? withInputs(node, inputs) : node)
  }
  return roots.map((root) => done.get(root) ?? root)
}
