import * as z from 'zod'
import { Sha256 } from './fields.ts'
import { listOf } from './lists.ts'
import { Label, ObjectKey } from './names.ts'

const place = z.number().int().min(0)

/**
 * A compiled graph of the learner's program that a stage runs at the source: an ONNX model in the bucket whose inputs and outputs are
 * named as the learner's are (`set.…`, `column.…`, `rate.…`), and what its names do not say.
 */
export const SourceGraph = z.strictObject({
  key: ObjectKey,
  sha256: Sha256,
  /** Of the numbers in its output `metrics` [M]. */
  metrics: listOf(Label, 256),
  /** The set of weights that it is fed, where it is fed one: float32 [size], taken out of the policy's model. */
  weights: z
    .strictObject({
      set: Label,
      size: z.number().int().min(1),
      /** Byte ranges: [where in the model, where in the vector, how many]. */
      places: listOf(z.tuple([place, place, place]), 4096),
    })
    .optional(),
})
export type SourceGraph = z.infer<typeof SourceGraph>
