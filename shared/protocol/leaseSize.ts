import { MillraceError } from '../errors.ts'
import { outputsOf } from '../policy/spec.ts'
import type { Lease } from './lease.ts'

/** Past every function's memory that could hold it: a length from outside must not be what memory is taken by. */
const MAX_FRAGMENT_BYTES = 2 * 1024 ** 3

/**
 * A fragment of `fragmentLength` x `numEnvs` env steps has to fit into a function.
 *
 * @throws MillraceError E_LEASE
 */
export function checkLeaseSize({ run, numEnvs, fragmentLength, policy }: Lease): void {
  const observation = policy.observation.shape.reduce((size, side) => size * side, 1)
  const actions = outputsOf(policy)
  const seen = observation * (policy.observation.dtype === 'uint8' ? 1 : 4)
  const bytes = numEnvs * (fragmentLength * (seen + 24) + seen + 4 * actions)
  if (bytes <= MAX_FRAGMENT_BYTES) return
  const shape = `${fragmentLength} steps of ${numEnvs} envs with ${observation} numbers each`
  throw new MillraceError(
    'E_LEASE',
    `a fragment of this lease has ${(bytes / 1024 ** 3).toFixed(1)} GiB (${shape}), and 2 are allowed; make fragmentLength or envsPerShard smaller`,
    { run },
  )
}
