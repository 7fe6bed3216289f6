import { z } from 'zod'
import { spaceSize } from '../../shared/env/space.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { type Head, makeHead } from '../heads/index.ts'
import type { NetworkMaker } from '../networks/index.ts'

const count = z.number().int().min(1)

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
  /** One stack of layers under policy and value, or one each; one for images, and for a network of the user's own. */
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

/** The head for a policy's actions. */
export function headOf({ logStd, initialLogStd, squashed }: NetworkSettings, { action }: PolicySpec): Head {
  // With the actions first, sums over them run over long rows.
  if (action.kind === 'discrete') return makeHead('categorical', { actions: action.n, axis: 0 })
  const kind = squashed ? 'squashedGaussian' : 'gaussian'
  return makeHead(kind, { dimensions: spaceSize(action), logStd, initialLogStd })
}
