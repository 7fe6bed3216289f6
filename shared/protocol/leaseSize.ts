import { MillraceError } from '../errors.ts'
import { outputsOf } from '../policy/spec.ts'
import type { LeaseTerms } from './lease.ts'

/** Past every function's memory that could hold it: a length from outside must not be what memory is taken by. */
const MAX_FRAGMENT_BYTES = 2 * 1024 ** 3

/**
 * A fragment of `fragmentLength` x `numEnvs` env steps of each lease has to fit into a function.
 *
 * @param leases that the function works on side by side
 * @throws MillraceError E_LEASE
 */
export function checkLeaseSize({ run, numEnvs, fragmentLength, policy }: LeaseTerms, leases: number): void {
  const observation = policy.observation.shape.reduce((size, side) => size * side, 1)
  const actions = outputsOf(policy)
  const bytes = 4 * leases * numEnvs * (fragmentLength * (observation + 6) + observation + actions)
  if (bytes <= MAX_FRAGMENT_BYTES) return
  const what = leases === 1 ? 'a fragment of this lease has' : `fragments of these ${leases} leases have`
  const smaller =
    leases === 1
      ? 'fragmentLength or envsPerShard smaller'
      : 'fragmentLength or envsPerShard smaller, or rollouts.functions larger'
  const shape = `${fragmentLength} steps of ${numEnvs} envs with ${observation} numbers each`
  throw new MillraceError(
    'E_LEASE',
    `${what} ${(bytes / 1024 ** 3).toFixed(1)} GiB (${shape}), and 2 are allowed; make ${smaller}`,
    { run },
  )
}
