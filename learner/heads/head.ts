import type { HeadKind } from '../../shared/policy/headKind.ts'
import type { Tensor } from '../tensor/index.ts'

/** What a draw is made of, fed to the graph: a graph has no random numbers of its own. */
export interface Noise {
  /** Uniform in [0, 1), or standard normal. */
  readonly kind: 'uniform' | 'normal'
  /** Numbers for one entry. */
  readonly size: number
}

/** A draw and its log-probability. */
export interface Draw {
  /** What was drawn, as `logProb` takes it. */
  readonly drawn: Tensor
  /** [N] */
  readonly logProb: Tensor
}

/**
 * From a network's numbers to a distribution over actions, for N entries at once. What is drawn is kept in a batch and its
 * log-probability is exact; `action` makes of it what an env or a critic takes.
 */
export interface Head {
  readonly kind: HeadKind
  /** Numbers that the network's last layer gives for one entry. */
  readonly outputs: number
  /** Numbers P that describe one entry's distribution: what a published policy gives. */
  readonly size: number
  /** Weights of the head's own, in the order in which they lie in the flat vector. */
  readonly parameters: readonly Tensor[]
  readonly noise: Noise
  /** Type and shape of what is drawn for one entry. */
  readonly drawn: { readonly dtype: 'int32' | 'float32'; readonly shape: readonly number[] }
  /** The network's [N, outputs] as the distribution's [N, P]. */
  params(outputs: Tensor): Tensor
  /** `params` in which actions whose `mask` (bool or uint8 [N, P]) is false have probability 0 and no gradient; `null`: actions cannot be masked. */
  readonly mask: ((params: Tensor, mask: Tensor) => Tensor) | null
  /** log-probability (density, for numbers) of what was drawn: [N] */
  logProb(params: Tensor, drawn: Tensor): Tensor
  /** [N] */
  entropy(params: Tensor): Tensor
  /** KL(before || after): [N] */
  kl(before: Tensor, after: Tensor): Tensor
  /** The draw that a greedy policy makes. */
  mode(params: Tensor): Tensor
  /** A draw from noise [N, noise.size]; for numbers the gradient flows through it. */
  sample(params: Tensor, noise: Tensor): Draw
  /** The action of a draw: what a critic is given. */
  action(drawn: Tensor): Tensor
}
