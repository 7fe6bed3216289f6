import { add, clip, minimum, mul, neg, reduceMean, stopGradient, type Tensor } from '../tensor/index.ts'

/**
 * The target policy's action with limited noise, inside [-1, 1] (Fujimoto et al. 2018, arXiv:1802.09477, eq. 14 and algorithm 1).
 *
 * @param action of the target policy in the next state, [N, D] in [-1, 1]
 * @param noise standard normal [N, D]
 * @param options `sigma`, the noise's standard deviation, and `limit`, how far it may go
 * @returns [N, D], no gradient
 */
export function smoothedAction(
  action: Tensor,
  noise: Tensor,
  { sigma, limit }: { readonly sigma: number; readonly limit: number },
): Tensor {
  return stopGradient(clip(add(action, clip(mul(noise, sigma), -limit, limit)), -1, 1))
}

/**
 * r + gamma min_i Q_i'(x', a'): clipped double Q-learning (eq. 10 of arXiv:1802.09477) for two critics, the target of DDPG (Lillicrap et
 * al. 2016, arXiv:1509.02971, eq. 4) for one. The loss of the critics is `criticLoss`.
 *
 * @param nextQ of the target critics, [N] each
 * @param discounts gamma, and 0 where the episode terminated: [N]
 * @returns [N], no gradient
 */
export function criticTargets({
  nextQ,
  rewards,
  discounts,
}: {
  readonly nextQ: readonly Tensor[]
  readonly rewards: Tensor
  readonly discounts: Tensor
}): Tensor {
  const least = nextQ.reduce((a, b) => minimum(a, b))
  return stopGradient(add(rewards, mul(discounts, least)))
}

/** -mean Q(x, mu(x)): the deterministic policy gradient (eq. 6 of arXiv:1509.02971), through the action into the policy's weights. */
export const deterministicActorLoss = (q: Tensor): Tensor => neg(reduceMean(q))
