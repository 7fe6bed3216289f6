// Typed-array reads use `!`: both arrays have one length.
import { MillraceError } from '../errors.ts'

/**
 * Rules actions out, in place: their logits become -Infinity, which no sampler ever draws.
 *
 * @param logits [B, P]
 * @param mask [B, P], 0 for an action that is not valid
 * @throws MillraceError E_POLICY_MODEL if the sizes differ; a row without any valid action is refused by the sampler
 */
export function maskActions(logits: Float32Array, mask: Uint8Array): void {
  if (logits.length !== mask.length)
    throw new MillraceError('E_POLICY_MODEL', `the mask has ${mask.length} places for ${logits.length} logits`)
  for (let i = 0; i < logits.length; i++) if (mask[i]! === 0) logits[i] = -Infinity
}
