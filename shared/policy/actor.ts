import type { BoxSpace } from '../env/space.ts'
import { spaceSize } from '../env/space.ts'
import { MillraceError } from '../errors.ts'
import { maskActions } from './actionMask.ts'
import type { ActionRandom, ActionSampler } from './actionSampler.ts'
import { BoxActions, type BoxRule } from './boxActions.ts'
import type { HeadKind } from './headKind.ts'
import { makeSampler } from './makeSampler.ts'
import { outputsOf, type PolicySpec } from './spec.ts'

/** Chooses actions for B envs from what a policy's model gives, without allocating. */
export interface Actor {
  /** Numbers that the model gives for one env. */
  readonly outputs: number
  /** What was drawn, which a batch keeps: int32 [B] of discrete actions, [B, D] of several choices, float32 [B, ...A] of a box. */
  readonly drawn: Int32Array | Float32Array
  /** What the envs are given: of a box, what was drawn limited or scaled to it. */
  readonly actions: Int32Array | Float32Array
  /**
   * Writes `drawn` and `actions`.
   *
   * @param outputs [B, P] of the model; logits of masked actions are overwritten
   * @param logProbs [B], written: log-probability, or density, of what was drawn
   * @param greedy take the likeliest instead of drawing
   * @param masks [B, P], 0 for actions that may not be taken, for a policy that is masked
   * @throws MillraceError E_POLICY_MODEL if the outputs describe no distribution
   */
  act(outputs: Float32Array, logProbs: Float32Array, greedy: boolean, masks?: Uint8Array): void
}

type Acting = Pick<PolicySpec, 'action' | 'distribution' | 'masked'>

/**
 * For what a policy's distribution is over.
 *
 * @param random the stream of the actions, and of nothing else
 * @throws MillraceError E_POLICY_SPEC where actions in [-1, 1] would have to be scaled to an infinite box
 */
export function makeActor(spec: Acting, rows: number, random: ActionRandom): Actor {
  const { action, distribution, masked } = spec
  const outputs = outputsOf(spec)
  if (action.kind === 'discrete') {
    const drawn = new Int32Array(rows)
    const act = acting(makeSampler('categorical', { actions: action.n }, random), drawn)
    return { outputs, drawn, actions: drawn, act: masked ? masking(act) : act }
  }
  if (action.kind === 'multiDiscrete') {
    const drawn = new Int32Array(rows * action.nvec.length)
    const act = acting(makeSampler('multiDiscrete', { choices: action.nvec }, random), drawn)
    return { outputs, drawn, actions: drawn, act: masked ? masking(act) : act }
  }
  return { outputs, ...boxActor(action, distribution as keyof typeof RULES, { rows, random }) }
}

/** How what is drawn becomes an element of the box. */
const RULES = { gaussian: 'clip', squashedGaussian: 'squash', deterministic: 'scale' } as const satisfies {
  readonly [K in Exclude<HeadKind, 'categorical' | 'multiDiscrete'>]: BoxRule
}

function boxActor(
  space: BoxSpace,
  kind: keyof typeof RULES,
  { rows, random }: { readonly rows: number; readonly random: ActionRandom },
): Omit<Actor, 'outputs'> {
  const dimensions = spaceSize(space)
  const drawn = new Float32Array(rows * dimensions)
  const actions = new Float32Array(rows * dimensions)
  const draw = acting(makeSampler(kind, { dimensions }, random), drawn)
  const box = new BoxActions(space, RULES[kind])
  const act: Actor['act'] = (outputs, logProbs, greedy) => {
    draw(outputs, logProbs, greedy)
    box.write(drawn, actions)
  }
  return { drawn, actions, act }
}

const acting =
  <D extends Int32Array | Float32Array>(sampler: ActionSampler<D>, drawn: D): Actor['act'] =>
  (outputs, logProbs, greedy) => {
    if (greedy) sampler.greedy(outputs, drawn, logProbs)
    else sampler.sample(outputs, drawn, logProbs)
  }

const masking =
  (act: Actor['act']): Actor['act'] =>
  (outputs, logProbs, greedy, masks) => {
    if (!masks)
      throw new MillraceError('E_POLICY_MODEL', 'the policy is for masked actions, and there is no mask to act by')
    maskActions(outputs, masks)
    act(outputs, logProbs, greedy)
  }
