import * as z from 'zod'
import { boxBounds, choicesOf, describeSpace, spaceSize } from '../env/space.ts'
import type { BoxSpace, ObservationSpace, Space } from '../env/space.ts'
import { MillraceError } from '../errors.ts'
import { listOf, numbersOf } from '../protocol/lists.ts'
import { HEAD_KINDS, type HeadKind } from './headKind.ts'

const MAX_RANK = 32
const MAX_CHOICES = 4096
export const LARGEST_FLOAT32 = 3.4028234663852886e38
const Shape = listOf(z.number().int().min(1), MAX_RANK)

const BoxSchema = z.strictObject({
  kind: z.literal('box'),
  shape: Shape,
  low: z.union([z.number(), numbersOf('numbers', Number.isFinite)]),
  high: z.union([z.number(), numbersOf('numbers', Number.isFinite)]),
})

const Discrete = z.strictObject({ kind: z.literal('discrete'), n: z.number().int().min(2) })
const MultiDiscrete = z.strictObject({
  kind: z.literal('multiDiscrete'),
  nvec: listOf(z.number().int().min(1), MAX_CHOICES).refine((nvec) => nvec.length > 0),
})

/** What each distribution is over. */
const KIND_OF_ACTIONS: { readonly [K in HeadKind]: Space['kind'] } = {
  categorical: 'discrete',
  multiDiscrete: 'multiDiscrete',
  gaussian: 'box',
  squashedGaussian: 'box',
  deterministic: 'box',
}

/**
 * What a published policy takes and gives, so that a function can run a model it knows nothing else of.
 *
 * The ONNX model has one input `observations` [N, ...D], F32 or U8, and an output [N, P] F32 that depends on the distribution:
 *
 * | distribution | of | output | what becomes of it |
 * |---|---|---|---|
 * | `categorical` | discrete actions | `logits` | A of them: softmax |
 * | `multiDiscrete` | several choices | `logits` | n_1 + n_2 + … of them, one choice after another: softmax of each |
 * | `gaussian` | a box of A numbers | `mean_and_log_std` | A means, then A logarithms of standard deviations; a draw is limited to the box |
 * | `squashedGaussian` | a finite box | `mean_and_log_std` | the same; tanh of a draw is scaled to the box |
 * | `deterministic` | a finite box | `action_before_tanh` | A numbers, whose tanh is scaled to the box |
 *
 * Further outputs (`value` F32 [N]) may be there and are not read by sampling.
 */
export const PolicySpec = z
  .strictObject({
    observation: z.strictObject({
      shape: Shape,
      /** The env's own observation is an index 0 … n-1; the model takes it as a row of n with a 1 there. */
      oneHot: z.literal(true).optional(),
      /** Of an element; float32 where it is left out. */
      dtype: z.literal('uint8').optional(),
      /** Of bytes: the largest that there is. */
      high: z.number().int().min(0).max(255).optional(),
    }),
    action: z.discriminatedUnion('kind', [Discrete, MultiDiscrete, BoxSchema]),
    distribution: z.enum(HEAD_KINDS),
    /** The env says which actions may be taken; the others are never drawn. */
    masked: z.literal(true).optional(),
  })
  .refine(({ action, distribution }) => KIND_OF_ACTIONS[distribution] === action.kind, {
    path: ['distribution'],
    error: 'categorical is for discrete actions, multiDiscrete for several choices, the others for a box',
  })
  .refine(({ action, masked }) => !masked || action.kind !== 'box', {
    path: ['masked'],
    error: 'numbers of a box cannot be masked',
  })
export type PolicySpec = z.infer<typeof PolicySpec>

/** Names of the model's inputs and outputs; one place for learner and function. */
export const MODEL_INPUT = 'observations'
/** F32 [N], where a policy is published with it. */
export const MODEL_VALUE = 'value'
export const MODEL_OUTPUTS = {
  categorical: 'logits',
  multiDiscrete: 'logits',
  gaussian: 'mean_and_log_std',
  squashedGaussian: 'mean_and_log_std',
  deterministic: 'action_before_tanh',
} as const satisfies { readonly [K in HeadKind]: string }

/** Numbers that the model gives for one observation. */
export function outputsOf({ action, distribution }: Pick<PolicySpec, 'action' | 'distribution'>): number {
  if (action.kind === 'box') return spaceSize(action) * (distribution === 'deterministic' ? 1 : 2)
  return maskSizeOf(action)
}

/** Flags of an action mask for one observation: one for every action, of several choices one choice after another. */
export const maskSizeOf = (action: Space): number => choicesOf(action).reduce((sum, n) => sum + n, 0)

/** Memory for observations as the model takes them. */
export const observationArray = (
  { dtype }: PolicySpec['observation'],
  length: number,
): Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> =>
  dtype === 'uint8' ? new Uint8Array(length) : new Float32Array(length)

/**
 * The policy that fits an environment: its observation as a VectorEnv shows it (a discrete one is one-hot), its action space,
 * and the distribution that goes with that.
 *
 * @param masked the env says which actions may be taken
 * @throws MillraceError E_POLICY_SPEC when no distribution fits the action space
 */
export function policySpecFor(observationSpace: Space, actionSpace: Space, masked = false): PolicySpec {
  const refuse = (why: string) => new MillraceError('E_POLICY_SPEC', `no policy fits this environment: ${why}`)
  if (actionSpace.kind !== 'box' && choicesOf(actionSpace).every((n) => n < 2))
    throw refuse(`its action space is ${describeSpace(actionSpace)}, so there is nothing to choose`)
  if (actionSpace.kind === 'box' && actionSpace.dtype === 'uint8')
    throw refuse(`its actions are ${describeSpace(actionSpace)}, and there is no distribution over bytes`)
  if (observationSpace.kind === 'multiDiscrete')
    throw refuse(`its observations are ${describeSpace(observationSpace)}, which only actions may be`)
  const rest = masked ? ({ masked } as const) : {}
  const observation = observationOf(observationSpace)
  if (actionSpace.kind === 'discrete')
    return { observation, action: { kind: 'discrete', n: actionSpace.n }, distribution: 'categorical', ...rest }
  if (actionSpace.kind === 'multiDiscrete') {
    const action = { kind: 'multiDiscrete' as const, nvec: [...actionSpace.nvec] }
    return { observation, action, distribution: 'multiDiscrete', ...rest }
  }
  const { shape: actionShape, low, high } = actionSpace
  const bounds = (of: number | readonly number[]) => (typeof of === 'number' ? finite(of) : of.map(finite))
  const action = { kind: 'box' as const, shape: [...actionShape], low: bounds(low), high: bounds(high) }
  return { observation, action, distribution: 'gaussian' }
}

function observationOf(space: ObservationSpace): PolicySpec['observation'] {
  if (space.kind === 'discrete') return { shape: [space.n], oneHot: true }
  const shape = space.shape.length === 0 ? [1] : [...space.shape]
  return { shape, ...(space.dtype === 'uint8' && { dtype: space.dtype, high: largest(space) }) }
}

/** JSON has no infinities: the largest float32 in their place. */
const finite = (bound: number): number => Math.min(LARGEST_FLOAT32, Math.max(-LARGEST_FLOAT32, bound))

const largest = (space: BoxSpace): number => boxBounds(space).high.reduce((most, high) => Math.max(most, high), 0)
