import { type Space, spaceSize } from '../env/space.ts'
import type { ActionRandom, ActionSampler } from './actionSampler.ts'
import { BoxActions } from './boxActions.ts'
import { CategoricalSampler } from './categorical.ts'
import { GaussianSampler } from './gaussian.ts'

/** Chooses actions for B envs from what a policy's model gives, without allocating. */
export interface Actor {
  /** Numbers that the model gives for one env. */
  readonly outputs: number
  /** What was drawn, which a batch keeps: int32 [B] of discrete actions, float32 [B, ...A] of a box. */
  readonly drawn: Int32Array | Float32Array
  /** What the envs are given: of a box, what was drawn limited to it. */
  readonly actions: Int32Array | Float32Array
  /**
   * Writes `drawn` and `actions`.
   *
   * @param outputs [B, P] of the model
   * @param logProbs [B], written: log-probability, or density, of what was drawn
   * @param greedy take the likeliest instead of drawing
   * @throws MillraceError E_POLICY_MODEL if the outputs describe no distribution
   */
  act(outputs: Float32Array, logProbs: Float32Array, greedy: boolean): void
}

/** For an action space: categorical over discrete actions, normal over a box. @param random the stream of the actions, and of nothing else */
export function makeActor(space: Space, rows: number, random: ActionRandom): Actor {
  if (space.kind === 'discrete') {
    const drawn = new Int32Array(rows)
    const act = acting(new CategoricalSampler(space.n, random), drawn)
    return { outputs: space.n, drawn, actions: drawn, act }
  }
  const size = spaceSize(space)
  const drawn = new Float32Array(rows * size)
  const actions = new Float32Array(rows * size)
  const draw = acting(new GaussianSampler(size, random), drawn)
  const box = new BoxActions(space, 'clip')
  return {
    outputs: 2 * size,
    drawn,
    actions,
    act: (outputs, logProbs, greedy) => {
      draw(outputs, logProbs, greedy)
      box.write(drawn, actions)
    },
  }
}

const acting =
  <D extends Int32Array | Float32Array>(sampler: ActionSampler<D>, drawn: D): Actor['act'] =>
  (outputs, logProbs, greedy) => {
    if (greedy) sampler.greedy(outputs, drawn, logProbs)
    else sampler.sample(outputs, drawn, logProbs)
  }
