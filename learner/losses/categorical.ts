import { exp, logSoftmax, mul, neg, reduceSum, sub, takeAlongLastAxis, type Tensor } from '../tensor/index.ts'

/** A distribution over A actions for every entry of a batch. */
export interface Categorical {
  /** log pi of every action [..., A]. */
  readonly logProbs: Tensor
  /** log pi(a) of actions int32 [...], each in 0 … A - 1: [...] */
  logProb(actions: Tensor): Tensor
  /** H = -sum pi log pi: [...] */
  entropy(): Tensor
  /** KL(this || other) = sum pi (log pi - log other): [...] */
  kl(other: Categorical): Tensor
}

/** From logits [..., A], which need not be normalised. */
export function categorical(logits: Tensor): Categorical {
  const logProbs = logSoftmax(logits)
  const expectation = (x: Tensor) => reduceSum(mul(exp(logProbs), x), { axes: [-1] })
  return {
    logProbs,
    logProb: (actions) => takeAlongLastAxis(logProbs, actions),
    entropy: () => neg(expectation(logProbs)),
    kl: (other) => expectation(sub(logProbs, other.logProbs)),
  }
}
