import * as z from 'zod'
import { MillraceError } from '../errors.ts'
import { PolicySpec } from '../policy/spec.ts'
import { Sha256, issues } from './fields.ts'
import { JsonObject } from './json.ts'
import { listOf } from './lists.ts'
import { Label, ObjectKey } from './names.ts'

/** The payload of the evaluate function: a policy of the bucket, and how many fresh episodes to play with it. */
export const EvaluationRequest = z.strictObject({
  format: z.literal(1),
  bucket: Label,
  /** The policy's model and its hash. */
  policy: z.strictObject({ key: ObjectKey, sha256: Sha256, spec: PolicySpec }),
  env: z.strictObject({
    id: Label,
    config: JsonObject,
    code: z.strictObject({ key: ObjectKey, sha256: Sha256 }).optional(),
  }),
  episodes: z.number().int().min(1).max(10_000),
  seed: z.number().int().min(0),
  /** Sample actions instead of taking the likeliest. */
  stochastic: z.boolean(),
})
export type EvaluationRequest = z.infer<typeof EvaluationRequest>

/** What it answers. Lengths in env steps. */
export const EvaluationResult = z.strictObject({
  format: z.literal(1),
  episodes: listOf(z.strictObject({ return: z.number(), length: z.number().int().min(1) }), 10_000),
})
export type EvaluationResult = z.infer<typeof EvaluationResult>

/** @throws MillraceError E_EVALUATION naming every field that is wrong */
export function parseEvaluation(event: unknown): EvaluationRequest {
  const result = EvaluationRequest.safeParse(event)
  if (!result.success) throw new MillraceError('E_EVALUATION', `not a request to evaluate: ${issues(result.error)}`)
  return result.data
}
