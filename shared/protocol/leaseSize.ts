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
  const bytes = leases * fragmentBytes({ numEnvs, fragmentLength, policy })
  if (bytes <= MAX_FRAGMENT_BYTES) return
  const what = leases === 1 ? 'a fragment of this lease has' : `fragments of these ${leases} leases have`
  const smaller =
    leases === 1
      ? 'fragmentLength or envsPerShard smaller'
      : 'fragmentLength or envsPerShard smaller, or rollouts.functions larger'
  const shape = `${fragmentLength} steps of ${numEnvs} envs with ${observationSize(policy)} numbers each`
  throw new MillraceError(
    'E_LEASE',
    `${what} ${(bytes / 1024 ** 3).toFixed(1)} GiB (${shape}), and 2 are allowed; make ${smaller}`,
    { run },
  )
}

/** What a fragment takes, about; bytes. */
export function fragmentBytes({
  numEnvs,
  fragmentLength,
  policy,
}: Pick<LeaseTerms, 'numEnvs' | 'fragmentLength' | 'policy'>): number {
  const observation = observationSize(policy) * (policy.observation.dtype === 'uint8' ? 1 : 4)
  return numEnvs * (fragmentLength * (observation + 4 * 6) + observation + 4 * outputsOf(policy))
}

const observationSize = ({ observation }: LeaseTerms['policy']): number =>
  observation.shape.reduce((size, side) => size * side, 1)
