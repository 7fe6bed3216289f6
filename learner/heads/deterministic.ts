import { graphError, tanh } from '../tensor/index.ts'
import type { Head } from './head.ts'

/**
 * One action in [-1, 1], tanh of the network's numbers (Lillicrap et al. 2016, arXiv:1509.02971, section 7). P = D; drawn: the
 * action itself, float32 [N, D]. What explores adds its noise to it, outside the graph.
 */
export function deterministicHead(dimensions: number): Head {
  const nothing = (what: string) => (): never => {
    throw graphError('deterministicHead', `a policy without chance has no ${what}`)
  }
  return {
    kind: 'deterministic',
    outputs: dimensions,
    size: dimensions,
    parameters: [],
    noise: { kind: 'normal', size: 0 },
    drawn: { dtype: 'float32', shape: [dimensions] },
    params: (outputs) => outputs,
    mask: null,
    logProb: nothing('log-probability'),
    entropy: nothing('entropy'),
    kl: nothing('divergence'),
    mode: tanh,
    sample: nothing('log-probability'),
    action: (drawn) => drawn,
  }
}
