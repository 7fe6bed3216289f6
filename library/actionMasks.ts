// Typed-array reads use `!`: every index is below the number of flags, which is checked first.
import { describeSpace } from '../shared/env/space.ts'
import { MillraceError } from '../shared/errors.ts'
import { maskSizeOf, type PolicySpec } from '../shared/policy/spec.ts'

/**
 * The masks of `count` observations, [count, P], for a policy whose env masks its actions.
 *
 * @throws MillraceError E_USAGE where there are none and have to be, or are and cannot be, or their number is wrong
 */
export function readMasks(
  { action, masked }: PolicySpec,
  given: ArrayLike<number | boolean> | undefined,
  count: number,
): Uint8Array | undefined {
  if (!masked && given === undefined) return undefined
  if (!masked) throw new MillraceError('E_USAGE', 'the policy is of an env that masks no actions; leave out mask')
  const size = maskSizeOf(action)
  const wanted = `${size} flags for every observation, of ${describeSpace(action)}`
  if (given === undefined) throw new MillraceError('E_USAGE', `the policy needs a mask: ${wanted}`)
  if (given.length !== count * size)
    throw new MillraceError('E_USAGE', `mask has ${given.length} flags for ${count} observations; expected ${wanted}`)
  return Uint8Array.from({ length: count * size }, (_, i) => (given[i] ? 1 : 0))
}
