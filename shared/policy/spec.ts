import * as z from 'zod'
import { describeSpace, spaceSize } from '../env/space.ts'
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
 * The ONNX model has one input `observations` F32 [N, ...D] and an output that depends on the distribution. Of discrete actions,
 * `categorical`: `logits` F32 [N, A]. Of a box of A numbers, `gaussian`: `mean_and_log_std` F32 [N, 2 A], A means, then the logarithms of
 * A standard deviations; what is drawn is limited to the box. Further outputs (`value` F32 [N]) may be there and are not read by sampling.
 */
export const PolicySpec = z
  .strictObject({
    observation: z.strictObject({
      shape: Shape,
      /** The env's own observation is an index 0 … n-1; the model takes it as a row of n with a 1 there. */
      oneHot: z.literal(true).optional(),
    }),
    action: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('discrete'), n: z.number().int().min(2) }),
      BoxSchema,
    ]),
    distribution: z.enum(['categorical', 'gaussian']),
  })
  .refine(({ action, distribution }) => (action.kind === 'discrete') === (distribution === 'categorical'), {
    path: ['distribution'],
    error: 'categorical is for discrete actions, gaussian for a box',
  })
export type PolicySpec = z.infer<typeof PolicySpec>

/** Names of the model's inputs and outputs; one place for learner and function. */
export const MODEL_INPUT = 'observations'
/** F32 [N], where a policy is published with it. */
export const MODEL_VALUE = 'value'
export const MODEL_OUTPUTS = { categorical: 'logits', gaussian: 'mean_and_log_std' } as const

/** Numbers that the model gives for one observation. */
export const outputsOf = ({ action }: Pick<PolicySpec, 'action'>): number =>
  action.kind === 'discrete' ? action.n : 2 * spaceSize(action)

/**
 * The policy that fits an environment: its observation as a VectorEnv shows it (a discrete one is one-hot), its action space,
 * and the distribution that goes with that.
 *
 * @throws MillraceError E_POLICY_SPEC when no distribution fits the action space
 */
export function policySpecFor(observationSpace: Space, actionSpace: Space): PolicySpec {
  const refuse = (why: string) => new MillraceError('E_POLICY_SPEC', `no policy fits this environment: ${why}`)
  if (actionSpace.kind === 'discrete' && actionSpace.n < 2)
    throw refuse(`its action space is ${describeSpace(actionSpace)}, so there is nothing to choose`)
  if (actionSpace.kind === 'box' && actionSpace.dtype === 'uint8')
    throw refuse(`its actions are ${describeSpace(actionSpace)}, and there is no distribution over bytes`)
  const shape = observationSpace.kind === 'discrete' ? [observationSpace.n] : [...observationSpace.shape]
  if (shape.length === 0) shape.push(1)
  const oneHot = observationSpace.kind === 'discrete' ? ({ oneHot: true } as const) : {}
  const observation = { shape, ...oneHot }
  if (actionSpace.kind === 'discrete')
    return { observation, action: { kind: 'discrete', n: actionSpace.n }, distribution: 'categorical' }
  const { shape: actionShape, low, high } = actionSpace
  const bounds = (of: number | readonly number[]) => (typeof of === 'number' ? of : [...of])
  const action = { kind: 'box' as const, shape: [...actionShape], low: bounds(low), high: bounds(high) }
  return { observation, action, distribution: 'gaussian' }
}
