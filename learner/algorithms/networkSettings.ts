import { z } from 'zod'
import { describeSpace, spaceSize } from '../../shared/env/space.ts'
import { MillraceError } from '../../shared/errors.ts'
import { LARGEST_FLOAT32, type PolicySpec } from '../../shared/policy/spec.ts'
import { type Head, makeHead } from '../heads/index.ts'
import type { NetworkMaker } from '../networks/index.ts'
import { count } from '../settings.ts'

const Convolution = z.strictObject({
  filters: count,
  /** Of a side, in cells; there is no padding. */
  kernel: count,
  stride: count.default(1),
})

/** The network of an algorithm that has a policy and a value. What is not given is what fits the observations, see `defaultTorso`. */
export const NETWORK_SETTINGS = {
  /** Widths of the dense layers. */
  hidden: z.array(count).optional(),
  activation: z.enum(['tanh', 'relu', 'elu', 'silu']).optional(),
  /** Normalise the sums of every dense layer before its activation. */
  layerNorm: z.boolean().default(false),
  /** Layers over observations [H, W, C], under the dense ones; `[]`: none, the image is flattened. */
  convolutions: z.array(Convolution).optional(),
  /**
   * One stack of layers under policy and value, or one each. If not given one each, and one for a network of the user's own: where returns are
   * large, the value's gradients drown the policy's in layers that they share.
   */
  sharedTrunk: z.boolean().optional(),
  /** A network of the user's own, in place of all of the above. */
  network: z
    .custom<NetworkMaker>((value) => typeof value === 'function', {
      error:
        'expected a function that makes a network: ({ name, shape, policyOutputs }) => ({ parameters, width, apply })',
    })
    .optional(),
  /** Of a normal distribution over a box of actions: one log standard deviation a dimension for all states, or given by the network. */
  logStd: z.enum(['shared', 'network']).default('shared'),
  initialLogStd: z.number().default(0),
  /** Draw from a box of actions by tanh of a normal number, scaled to the box, instead of limiting the number to it. */
  squashed: z.boolean().default(false),
  /** Whether the published policy also gives `value`, which costs a rollout a tenth of its speed. */
  publishValue: z.boolean().default(false),
}

export type NetworkSettings = z.output<z.ZodObject<typeof NETWORK_SETTINGS>>

/**
 * What a policy with chance and a value publishes: over a box a normal distribution, squashed where that is asked for.
 *
 * @throws MillraceError E_POLICY_SPEC where draws are to be squashed and there is no finite box
 */
export function policyOf({ squashed }: NetworkSettings, fitting: PolicySpec): PolicySpec {
  if (!squashed) return fitting
  const { action } = fitting
  const isFinite =
    action.kind === 'box' && [action.low, action.high].flat().every((bound) => Math.abs(bound) < LARGEST_FLOAT32)
  if (isFinite) return { ...fitting, distribution: 'squashedGaussian' }
  const why = `squashed is for a finite box of actions, and the env's are ${describeSpace(action)}`
  throw new MillraceError('E_POLICY_SPEC', `${why}; leave it out`)
}

/** The head for a policy's actions. @throws MillraceError E_POLICY_SPEC for a policy without chance */
export function headOf({ logStd, initialLogStd }: NetworkSettings, { action, distribution }: PolicySpec): Head {
  // With the actions first, sums over them run over long rows.
  if (action.kind === 'discrete') return makeHead('categorical', { actions: action.n, axis: 0 })
  if (action.kind === 'multiDiscrete') return makeHead('multiDiscrete', { choices: action.nvec })
  const sizes = { dimensions: spaceSize(action), logStd, initialLogStd }
  if (distribution === 'gaussian' || distribution === 'squashedGaussian') return makeHead(distribution, sizes)
  throw new MillraceError(
    'E_POLICY_SPEC',
    `a policy without chance (${distribution}) has no log-probabilities to learn by`,
  )
}
