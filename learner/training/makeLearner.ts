import type { PolicySpec } from '../../shared/policy/spec.ts'
import { deriveSeed } from '../../shared/random.ts'
import type { PlanSetting } from '../algorithm.ts'
import type { Experiment } from '../experiment.ts'
import type { TrainState } from '../tensor/index.ts'
import { InlineLearner } from './inlineLearner.ts'
import type { Learner } from './learner.ts'
import type { LearnerSpec } from './learnerSpec.ts'
import { checkMemory, learnerMemory } from './memory.ts'
import { ThreadLearner } from './threadLearner.ts'

/** What a learner's machine can run train graphs with. */
export const ENGINES = ['onnxruntime-cpu', 'onnxruntime-cuda', 'tfjs-node-gpu'] as const
export type EngineName = (typeof ENGINES)[number]

export interface MakeLearnerOptions {
  readonly setting: PlanSetting
  readonly policy: PolicySpec
  /** The bundled train worker; without it the learner works in this thread. */
  readonly trainWorker: string | undefined
  /** What the machine would have the graph run by. */
  readonly engine?: EngineName | undefined
  /** The memory of a function. */
  readonly functionBytes?: number | undefined
  /** To go on from. */
  readonly state?: TrainState | undefined
}

/** The learner of an experiment: network, loss and optimizer in a thread of their own. @throws MillraceError E_GRAPH, E_POLICY_SPEC, E_CHECKPOINT, E_EXPERIMENT for what does not fit into memory */
export function makeLearner({ algorithm, rollouts, seed }: Experiment, options: MakeLearnerOptions): Learner {
  const { setting, policy, trainWorker, engine, state } = options
  const core = {
    spec: onEngine(algorithm.learner(), engine),
    policy,
    T: rollouts.fragmentLength,
    B: algorithm.fragmentsPerUpdate(setting) * rollouts.envsPerShard,
    seed: deriveSeed(seed, 'weights'),
    ...(state && { state }),
  }
  checkMemory(core, { learner: learnerMemory(), function: options.functionBytes })
  return trainWorker === undefined ? new InlineLearner(core) : new ThreadLearner(trainWorker, core)
}

/** The machine's engine, unless the experiment chose another than the one that is everybody's default. */
function onEngine(spec: LearnerSpec, engine: EngineName | undefined): LearnerSpec {
  if (engine === undefined || spec.engine !== 'onnxruntime') return spec
  if (engine === 'tfjs-node-gpu') return { ...spec, engine: 'tfjs' }
  return { ...spec, provider: engine === 'onnxruntime-cuda' ? 'cuda' : 'cpu' }
}
