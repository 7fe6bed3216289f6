import { add, mul, neg, reduceMean, reduceSum, square, sub, type Operand, type Tensor } from '../tensor/index.ts'

export interface ActorCriticInputs {
  /** log pi(a_t | x_t); this, `values` and `entropy` carry the gradient. */
  readonly logProbs: Tensor
  readonly values: Tensor
  readonly entropy: Tensor
  /** What multiplies log pi; no gradient may flow through it. */
  readonly advantages: Tensor
  /** What the values should be; no gradient may flow through it. */
  readonly targets: Tensor
}

export interface ActorCriticOptions {
  readonly valueCoef: number
  /** A number, or a scalar that is fed. */
  readonly entropyCoef: Operand
  /** Over all steps of the batch: IMPALA's paper sums, which ties the learning rate to the batch size. */
  readonly reduction: 'sum' | 'mean'
}

export interface ActorCriticLoss {
  readonly total: Tensor
  readonly policy: Tensor
  /** Half the squared error, without its coefficient. */
  readonly value: Tensor
  readonly entropy: Tensor
  /** The total and its parts, by the names that they are reported under. */
  readonly metrics: Readonly<Record<string, Tensor>>
}

/**
 * The loss of IMPALA (section 4.2 of arXiv:1802.01561), reduced over all steps:
 * -log pi(a) A + valueCoef (v - V)² / 2 - entropyCoef H. All inputs have one shape; results are scalars.
 */
export function actorCriticLoss(
  inputs: ActorCriticInputs,
  { valueCoef, entropyCoef, reduction }: ActorCriticOptions,
): ActorCriticLoss {
  const reduce = reduction === 'sum' ? reduceSum : reduceMean
  const policy = neg(reduce(mul(inputs.logProbs, inputs.advantages)))
  const value = mul(reduce(square(sub(inputs.targets, inputs.values))), 0.5)
  const entropy = reduce(inputs.entropy)
  const total = sub(add(policy, mul(value, valueCoef)), mul(entropy, entropyCoef))
  return { total, policy, value, entropy, metrics: { loss: total, policyLoss: policy, valueLoss: value, entropy } }
}
