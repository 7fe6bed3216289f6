import * as z from 'zod'
import { describeSpace } from '../env/space.ts'
import type { Space } from '../env/space.ts'
import { MillraceError } from '../errors.ts'
import { listOf, numbersOf } from '../protocol/lists.ts'

const MAX_RANK = 32
const Shape = listOf(z.number().int().min(1), MAX_RANK)

const BoxSchema = z.strictObject({
  kind: z.literal('box'),
  shape: Shape,
  low: z.union([z.number(), numbersOf('numbers', Number.isFinite)]),
  high: z.union([z.number(), numbersOf('numbers', Number.isFinite)]),
})

/**
 * What a published policy takes and gives, so that a function can run a model it knows nothing else of.
 *
 * The ONNX model has one input `observations` F32 [N, ...D] and outputs that depend on the distribution:
 * `categorical`: `logits` F32 [N, A]. Further outputs (`value` F32 [N]) may be there and are not read by sampling.
 */
export const PolicySpec = z.strictObject({
  observation: z.strictObject({
    shape: Shape,
    /** The env's own observation is an index 0 … n-1; the model takes it as a row of n with a 1 there. */
    oneHot: z.literal(true).optional(),
  }),
  action: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('discrete'), n: z.number().int().min(2) }),
    BoxSchema,
  ]),
  distribution: z.enum(['categorical']),
})
export type PolicySpec = z.infer<typeof PolicySpec>

/** Names of the model's inputs and outputs; one place for learner and function. */
export const MODEL_INPUT = 'observations'
export const MODEL_OUTPUTS = { categorical: 'logits' } as const

/**
 * The policy that fits an environment: its observation as a VectorEnv shows it (a discrete one is one-hot), its action space,
 * and the distribution that goes with that.
 *
 * @throws MillraceError E_POLICY_SPEC when no distribution fits the action space
 */
export function policySpecFor(observationSpace: Space, actionSpace: Space): PolicySpec {
  const refuse = (why: string) => new MillraceError('E_POLICY_SPEC', `no policy fits this environment: ${why}`)
  if (actionSpace.kind !== 'discrete') {
    throw refuse(
      `its actions are ${describeSpace(actionSpace)}, and the only distribution is categorical, over a discrete space`,
    )
  }
  if (actionSpace.n < 2)
    throw refuse(`its action space is ${describeSpace(actionSpace)}, so there is nothing to choose`)
  const shape = observationSpace.kind === 'discrete' ? [observationSpace.n] : [...observationSpace.shape]
  if (shape.length === 0) shape.push(1)
  const oneHot = observationSpace.kind === 'discrete' ? ({ oneHot: true } as const) : {}
  return {
    observation: { shape, ...oneHot },
    action: { kind: 'discrete', n: actionSpace.n },
    distribution: 'categorical',
  }
}
