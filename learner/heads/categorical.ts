import {
  argMax,
  cast,
  constant,
  expandLast,
  float32,
  gemm,
  graphError,
  greater,
  indicator,
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
  takeAlongLastAxis,
  where,
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
 * @throws MillraceError E_GRAPH unless A is an integer >= 1
 */
export function categoricalHead(actions: number): Head {
  if (!Number.isInteger(actions) || actions < 1)
    throw graphError('categoricalHead', `wants at least one action, got ${actions}`)
  return {
    kind: 'categorical',
    outputs: actions,
    size: actions,
    parameters: [],
    noise: { kind: 'uniform', size: 1 },
    drawn: { dtype: 'int32', shape: [] },
    params: (outputs) => outputs,
    mask: maskLogits,
    logProb: (logits, drawn) => takeAlongLastAxis(logSoftmax(logits), drawn),
    entropy: entropyOf,
    kl: klOf,
    mode: argMax,
    sample: (logits, noise) => {
      const drawn = invertDistribution(logits, noise)
      return { drawn, logProb: takeAlongLastAxis(logSoftmax(logits), drawn) }
    },
    action: (drawn) => drawn,
  }
}

/** Logits [N, A] where `mask` (bool or uint8 [N, A]) holds; elsewhere so low that probability and gradient are exactly 0. */
export const maskLogits = (logits: Tensor, mask: Tensor): Tensor => where(cast(mask, 'bool'), logits, MASKED)

/** H = -sum p log p: [N] */
function entropyOf(logits: Tensor): Tensor {
  const logProbs = logSoftmax(logits)
  return neg(reduceSum(mul(exp(logProbs), logProbs), { axes: [-1] }))
}

/** KL(p || q) = sum p (log p - log q): [N] */
function klOf(before: Tensor, after: Tensor): Tensor {
  const logProbs = logSoftmax(before)
  return reduceSum(mul(exp(logProbs), sub(logProbs, logSoftmax(after))), { axes: [-1] })
}

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
