import { concat, graphError, add, slice, split, type Tensor } from '../tensor/index.ts'
import { asColumn, categoricalHead, column, maskLogits } from './categorical.ts'
import type { Head } from './head.ts'

/**
 * D independent choices, the d-th among n_d: log-probabilities, entropies and divergences are sums over the choices.
 * P = n_1 + … + n_D logits, one choice after another; drawn: int32 [N, D].
 *
 * @throws MillraceError E_GRAPH unless there is a choice and every n_d is an integer >= 1
 */
export function multiDiscreteHead(choices: readonly number[]): Head {
  if (choices.length === 0) throw graphError('multiDiscreteHead', 'wants at least one choice')
  const heads = choices.map(categoricalHead)
  const size = choices.reduce((sum, n) => sum + n, 0)
  const logitsOf = (params: Tensor) => split(params, choices, 1)
  const total = (parts: readonly Tensor[]): Tensor => parts.reduce((sum, part) => add(sum, part))
  return {
    kind: 'multiDiscrete',
    outputs: size,
    size,
    parameters: [],
    noise: { kind: 'uniform', size: choices.length },
    drawn: { dtype: 'int32', shape: [choices.length] },
    params: (outputs) => outputs,
    mask: maskLogits,
    logProb: (params, drawn) => {
      const parts = logitsOf(params)
      return total(heads.map((head, d) => head.logProb(parts[d] as Tensor, column(drawn, d))))
    },
    entropy: (params) => {
      const parts = logitsOf(params)
      return total(heads.map((head, d) => head.entropy(parts[d] as Tensor)))
    },
    kl: (before, after) => {
      const [from, to] = [logitsOf(before), logitsOf(after)]
      return total(heads.map((head, d) => head.kl(from[d] as Tensor, to[d] as Tensor)))
    },
    mode: (params) =>
      concat(
        logitsOf(params).map((logits, d) => asColumn((heads[d] as Head).mode(logits))),
        1,
      ),
    sample: (params, noise) => {
      const draws = logitsOf(params).map((logits, d) =>
        (heads[d] as Head).sample(logits, slice(noise, { start: d, end: d + 1 }, 1)),
      )
      return {
        drawn: concat(
          draws.map(({ drawn }) => asColumn(drawn)),
          1,
        ),
        logProb: total(draws.map(({ logProb }) => logProb)),
      }
    },
    action: (drawn) => drawn,
  }
}
