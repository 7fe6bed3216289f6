import { z } from 'zod'

const BoxSchema = z.strictObject({
  kind: z.literal('box'),
  shape: z.array(z.number().int().min(1)),
  low: z.union([z.number(), z.array(z.number())]),
  high: z.union([z.number(), z.array(z.number())]),
})

/**
 * What a published policy takes and gives, so that a function can run a model it knows nothing else of.
 *
 * The ONNX model has one input `observations` F32 [N, ...D] and outputs that depend on the distribution:
 * `categorical`: `logits` F32 [N, A]. Further outputs (`value` F32 [N]) may be there and are not read by sampling.
 */
export const PolicySpec = z.strictObject({
  observation: z.strictObject({ shape: z.array(z.number().int().min(1)) }),
  action: z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('discrete'), n: z.number().int().min(2) }), BoxSchema]),
  distribution: z.enum(['categorical']),
})
export type PolicySpec = z.infer<typeof PolicySpec>

/** Names of the model's inputs and outputs; one place for learner and function. */
export const MODEL_INPUT = 'observations'
export const MODEL_OUTPUTS = { categorical: 'logits' } as const
