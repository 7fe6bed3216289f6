import { reachable, type Tensor } from './graph.ts'
import { add } from './ops/arithmetic.ts'
import { scalar } from './ops/sources.ts'
import { sumTo } from './ops/reduce.ts'
import { expandAs } from './ops/shape.ts'
import { constant } from './ops/sources.ts'
import { broadcastShapes, graphError, isStatic, sameShape, sizeOf } from './shapes.ts'

/**
 * The gradients of a scalar with respect to tensors it depends on, as nodes of the same graph (reverse-mode automatic
 * differentiation). A tensor that the loss does not depend on, or only through `stopGradient`, gets zeros.
 *
 * @throws MillraceError E_GRAPH if the loss is not a float32 scalar, or an operator on the way has no gradient
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0 || loss.dtype !== 'float32')
    throw graphError('gradients', 'wants a float32 scalar', [loss.shape])
  const nodes = reachable([loss])
  const needed = dependOn(nodes, wrt)
  const grads = new Map<Tensor, Tensor>([[loss, scalar(1)]])
  const targets = new Set(wrt)
  for (const node of nodes.toReversed()) {
    const g = grads.get(node)
    if (!g || targets.has(node) || node.inputs.length === 0) continue
    if (!node.inputs.some((x) => needed.has(x))) continue
    if (!node.op.gradient)
      throw graphError(node.op.name, 'has no gradient; stopGradient says that none is wanted', [node.shape])
    const given = node.op.gradient(node, node.op.lazyGradient ? g : expandAs(g, node), ...node.inputs)
    node.inputs.forEach((x, i) => {
      const own = given[i]
      if (!own || !needed.has(x)) return
      const fitted = fitGradient(own, x, node)
      const before = grads.get(x)
      grads.set(x, before ? add(before, fitted) : fitted)
    })
  }
  return wrt.map((x) => {
    const g = grads.get(x)
    return g ? expandAs(g, x) : zeros(x)
  })
}

/** Nodes that are or depend on one of `wrt` without a stopGradient between. */
function dependOn(nodes: readonly Tensor[], wrt: readonly Tensor[]): Set<Tensor> {
  const needed = new Set(wrt)
  for (const node of nodes) {
    if (node.dtype === 'float32' && node.op.name !== 'stopGradient' && node.inputs.some((x) => needed.has(x)))
      needed.add(node)
  }
  return needed
}

/** A gradient that broadcasts to its tensor's shape at most, sums over the axes along which the tensor was stretched done. */
function fitGradient(g: Tensor, x: Tensor, node: Tensor): Tensor {
  const full = node.op.lazyGradient ? node : g
  if (sameShape(full.shape, x.shape) || sameShape(g.shape, x.shape)) return g
  if (
    !node.op.lazyGradient &&
    g.shape.length <= x.shape.length &&
    sameShape(broadcastShapes('gradients', g.shape, x.shape), x.shape)
  ) {
    return g
  }
  return sumTo(g, x.shape, full)
}

function zeros(x: Tensor): Tensor {
  if (!isStatic(x.shape)) return expandAs(scalar(0), x)
  return constant({ dtype: 'float32', shape: x.shape, data: new Float32Array(sizeOf(x.shape)) })
}
