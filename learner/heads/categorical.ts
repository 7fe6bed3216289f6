import {
  argMax,
  cast,
  constant,
  equal,
  expandLast,
  float32,
  gemm,
  graphError,
  greater,
  indicator,
  int32,
  logSoftmax,
  exp,
  minimum,
  mul,
  neg,
  not,
  reduceSum,
  reshape,
  slice,
  softmax,
  sub,
  transpose,
  where,
  type Dim,
  type Tensor,
} from '../tensor/index.ts'
import type { Head } from './head.ts'

/** The logit of a masked action. Its exponential is 0 and its products with 0 stay 0, which those of -Infinity do not. */
const MASKED = -1e30

/** The largest float32 below 1: so that a draw stays below the sum of all probabilities. */
const BELOW_ONE = 1 - 2 ** -24

/**
 * One of A actions with softmax probabilities. P = A logits; drawn: int32 [N].
 *
 * @param axis of the logits: 1 for [N, A], 0 for [A, N]
 * @throws MillraceError E_GRAPH unless A is an integer >= 1
 */
export function categoricalHead(actions: number, axis: 0 | 1 = 1): Head {
  if (!Number.isInteger(actions) || actions < 1)
    throw graphError('categoricalHead', `wants at least one action, got ${actions}`)
  const numbers = int32(
    Array.from({ length: actions }, (_, i) => i),
    axis === 0 ? [actions, 1] : [1, actions],
  )
  const sum = (x: Tensor): Tensor => reduceSum(x, { axes: [axis] })
  const rows = (x: Tensor): Tensor => (axis === 0 ? transpose(x) : x)
  const logProbsOf = onceEach((logits) => logSoftmax(logits, axis))
  const logProb = (logits: Tensor, drawn: Tensor): Tensor => {
    const entries = logits.shape[1 - axis] as Dim
    const at = equal(reshape(drawn, axis === 0 ? [1, entries] : [entries, 1]), constant(numbers))
    return sum(where(at, logProbsOf(logits), 0))
  }
  return {
    kind: 'categorical',
    outputs: actions,
    size: actions,
    axis,
    parameters: [],
    noise: { kind: 'uniform', size: 1 },
    drawn: { dtype: 'int32', shape: [] },
    params: (outputs) => outputs,
    mask: (logits, mask) => maskLogits(logits, rows(mask)),
    logProb,
    // -sum p log p
    entropy: (logits) => {
      const logProbs = logProbsOf(logits)
      return neg(sum(mul(exp(logProbs), logProbs)))
    },
    // sum p (log p - log q)
    kl: (before, after) => {
      const logProbs = logProbsOf(before)
      return sum(mul(exp(logProbs), sub(logProbs, logProbsOf(after))))
    },
    mode: (logits) => argMax(rows(logits)),
    sample: (logits, noise) => {
      const drawn = invertDistribution(rows(logits), noise)
      return { drawn, logProb: logProb(logits, drawn) }
    },
    action: (drawn) => drawn,
  }
}

/** Of one tensor one result, so that gradients that meet there are added up first and pass through it once. */
function onceEach(make: (x: Tensor) => Tensor): (x: Tensor) => Tensor {
  const made = new WeakMap<Tensor, Tensor>()
  return (x) => {
    const result = made.get(x) ?? make(x)
    made.set(x, result)
    return result
  }
}

/** Logits where `mask` (bool or uint8, of their shape) holds; elsewhere so low that probability and gradient are exactly 0. */
export const maskLogits = (logits: Tensor, mask: Tensor): Tensor => where(cast(mask, 'bool'), logits, MASKED)

/**
 * The action a with F(a - 1) <= u < F(a), F the sums of probabilities: as many as lie at or under u. No gradient.
 *
 * @param noise uniform [N, 1]
 * @returns int32 [N]
 */
function invertDistribution(logits: Tensor, noise: Tensor): Tensor {
  const actions = logits.shape.at(-1) as number
  const triangle = Float32Array.from({ length: actions * actions }, (_, i) =>
    Math.floor(i / actions) <= i % actions ? 1 : 0,
  )
  const sums = gemm(softmax(logits), constant(float32(triangle, [actions, actions])))
  const total = slice(sums, { start: actions - 1, end: actions }, 1)
  const target = mul(minimum(noise, BELOW_ONE), total)
  return cast(reduceSum(indicator(not(greater(sums, target))), { axes: [-1] }), 'int32')
}

/** A column of int32 [N, D] drawn numbers as [N]. */
export const column = (drawn: Tensor, at: number): Tensor =>
  reshape(slice(drawn, { start: at, end: at + 1 }, 1), [drawn.shape[0] ?? 1])

/** int32 [N] as a column [N, 1]. */
export const asColumn = expandLast
