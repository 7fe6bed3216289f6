import {
  constant,
  equal,
  exp,
  graphError,
  int32,
  logSoftmax,
  mul,
  neg,
  reduceSum,
  reshape,
  sub,
  where,
  type Tensor,
} from '../tensor/index.ts'

/** A distribution over A actions for each of N entries. */
export interface Categorical {
  /** log pi of every action, of the logits' shape. */
  readonly logProbs: Tensor
  /** log pi(a) of actions int32 [N], each in 0 … A - 1: [N] */
  logProb(actions: Tensor): Tensor
  /** H = -sum pi log pi: [N] */
  entropy(): Tensor
  /** KL(this || other) = sum pi (log pi - log other): [N] */
  kl(other: Categorical): Tensor
}

/**
 * From logits [N, A], or [A, N] with `actionAxis` 0; they need not be normalised. With N innermost, sums over a few actions and
 * their gradients run over long rows, which is several times faster.
 *
 * @throws MillraceError E_GRAPH if the logits are no matrix or the number of actions is not fixed
 */
export function categorical(logits: Tensor, actionAxis: 0 | 1 = 1): Categorical {
  const entries = logits.shape[1 - actionAxis]
  const actionCount = logits.shape[actionAxis]
  if (logits.shape.length !== 2 || entries === undefined || typeof actionCount !== 'number') {
    throw graphError('categorical', `wants a matrix with a fixed number of actions along axis ${actionAxis}`, [
      logits.shape,
    ])
  }
  const logProbs = logSoftmax(logits, actionAxis)
  const beside = <T>(entry: T, action: T): T[] => (actionAxis === 0 ? [action, entry] : [entry, action])
  const numbers = constant(
    int32(
      Array.from({ length: actionCount }, (_, i) => i),
      beside(1, actionCount),
    ),
  )
  const sum = (x: Tensor) => reduceSum(x, { axes: [actionAxis] })
  return {
    logProbs,
    logProb: (actions) => sum(where(equal(reshape(actions, beside(entries, 1)), numbers), logProbs, 0)),
    entropy: () => neg(sum(mul(exp(logProbs), logProbs))),
    kl: (other) => sum(mul(exp(logProbs), sub(logProbs, other.logProbs))),
  }
}
