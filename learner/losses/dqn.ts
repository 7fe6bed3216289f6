import {
  add,
  argMax,
  mul,
  reduceMax,
  reduceMean,
  square,
  stopGradient,
  sub,
  takeAlongLastAxis,
  type Tensor,
} from '../tensor/index.ts'
import { huber } from './huber.ts'

export interface QTargetInputs {
  /** Q of the target network in the next states: [N, A]. */
  readonly nextQ: Tensor
  /** Q of the network that learns, there: it chooses the action (double Q-learning); the target network itself if not given. */
  readonly nextQOnline?: Tensor
  /** [N], or the discounted sum of n rewards. */
  readonly rewards: Tensor
  /** [N]: gamma^n, and 0 where the episode terminated. */
  readonly discounts: Tensor
}

/**
 * r + gamma max_a Q'(x', a) (Mnih et al. 2015, Nature 518, eq. 2), or r + gamma Q'(x', argmax_a Q(x', a)) (van Hasselt et al. 2016,
 * arXiv:1509.06461, eq. 4); over n steps as in Rainbow (Hessel et al. 2018, arXiv:1710.02298, section 3). [N], no gradient.
 */
export function qTargets({ nextQ, nextQOnline, rewards, discounts }: QTargetInputs): Tensor {
  const best = nextQOnline
    ? takeAlongLastAxis(nextQ, argMax(stopGradient(nextQOnline)))
    : reduceMax(nextQ, { axes: [-1] })
  return stopGradient(add(rewards, mul(discounts, best)))
}

export interface DqnInputs {
  /** [N, A], carries the gradient. */
  readonly q: Tensor
  /** int32 [N] */
  readonly actions: Tensor
  /** [N]; no gradient flows through it. */
  readonly targets: Tensor
  /** Importance weights of a prioritized replay [N]; 1 if not given. */
  readonly weights?: Tensor
}

/** A loss whose rows also give priorities. */
export interface RowLoss {
  /** The weighted mean. */
  readonly total: Tensor
  /** Q(x, a) - target, [N]; no gradient flows through it. */
  readonly errors: Tensor
}

/**
 * The mean over rows of weight times huber(Q(x, a) - target), with kappa `huberAt`, or of the square (Mnih et al. 2015; weights of
 * Schaul et al. 2016, arXiv:1511.05952, section 3.4).
 *
 * @param huberAt > 0; `null`: the square, without a half
 */
export function dqnLoss({ q, actions, targets, weights }: DqnInputs, { huberAt }: { huberAt: number | null }): RowLoss {
  const errors = sub(takeAlongLastAxis(q, actions), stopGradient(targets))
  const rows = huberAt === null ? square(errors) : huber(errors, huberAt)
  return { total: weightedMean(rows, weights), errors: stopGradient(errors) }
}

/** mean(weight row), a scalar; no gradient flows through the weights. */
export const weightedMean = (rows: Tensor, weights?: Tensor): Tensor =>
  reduceMean(weights ? mul(rows, stopGradient(weights)) : rows)

/**
 * Q = V + A - mean_a A (Wang et al. 2016, arXiv:1511.06581, eq. 9).
 *
 * @param value [N, 1], or [N, 1, atoms] of a distribution
 * @param advantages [N, A], or [N, A, atoms]
 */
export const duelingQ = (value: Tensor, advantages: Tensor): Tensor =>
  add(value, sub(advantages, reduceMean(advantages, { axes: [1], keepDims: true })))
