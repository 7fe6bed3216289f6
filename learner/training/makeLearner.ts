import { type ColumnSpec, rolloutColumnSpecs } from '../../shared/batch/index.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { MillraceError } from '../../shared/errors.ts'
import { deriveSeed } from '../../shared/random.ts'
import type { PlanSetting } from '../algorithm.ts'
import type { Experiment } from '../experiment.ts'
import { DEFAULT_POLICY, type Program, type ProgramState, compile } from '../program/index.ts'
import { seededUniform } from '../tensor/index.ts'
import { type EngineName, onMachine } from './engine.ts'
import { InlineLearner } from './inlineLearner.ts'
import type { Learner } from './learner.ts'
import { checkMemory, learnerMemory } from './memory.ts'
import { ThreadLearner } from './threadLearner.ts'

export interface MakeLearnerOptions {
  readonly setting: PlanSetting
  readonly policy: PolicySpec
  /** What fragments have when they come: those of rollouts, unless told. */
  readonly columns?: readonly ColumnSpec[]
  /** The bundled train worker; without it the learner works in this thread. */
  readonly trainWorker: string | undefined
  /** What the machine would have the graphs run by. */
  readonly engine?: EngineName | undefined
  /** The memory of a function. */
  readonly functionBytes?: number | undefined
  /** The experiment's, where it was made before. */
  readonly program?: Program | undefined
  /** To go on from. */
  readonly state?: ProgramState | undefined
}

/**
 * The learner of an experiment: its program in a thread of its own.
 *
 * @throws MillraceError E_GRAPH, E_POLICY_SPEC, E_CHECKPOINT, E_EXPERIMENT for what does not fit into memory
 */
export function makeLearner(
  experiment: Experiment,
  { trainWorker, engine, state, columns, program, ...options }: MakeLearnerOptions,
): Learner {
  const setting = {
    program: program ?? programOf(experiment, options),
    engine: onMachine(experiment.algorithm.engine, engine),
    ...(state && { state }),
  }
  const specs = columns ?? rolloutColumnSpecs(options.policy)
  return trainWorker === undefined ? new InlineLearner(setting, specs) : new ThreadLearner(trainWorker, setting, specs)
}

type ProgramOptions = Pick<MakeLearnerOptions, 'setting' | 'policy' | 'functionBytes'>

/** The program of an experiment, at its sizes and from its seed. @throws MillraceError E_GRAPH, E_POLICY_SPEC, E_EXPERIMENT */
export function programOf(
  { algorithm, rollouts, seed }: Experiment,
  { setting, policy, functionBytes }: ProgramOptions,
): Program {
  const T = rollouts.fragmentLength
  const B = algorithm.fragmentsPerUpdate(setting) * rollouts.envsPerShard
  const sizes = { policy, T, B }
  const description = algorithm.program(sizes)
  if (!Object.hasOwn(description.policies, DEFAULT_POLICY)) {
    const there = Object.keys(description.policies).join(', ') || 'none'
    const sentence = `program: functions act by the policy '${DEFAULT_POLICY}', which there is not; there are ${there}`
    throw new MillraceError('E_GRAPH', sentence, { algorithm: algorithm.name })
  }
  checkMemory(
    description,
    { ...sizes, config: algorithm.config },
    { learner: learnerMemory(), function: functionBytes },
  )
  return compile(description, {
    name: algorithm.name,
    uniform: seededUniform(deriveSeed(seed, 'weights')),
    seed: deriveSeed(seed, 'learner'),
  })
}
