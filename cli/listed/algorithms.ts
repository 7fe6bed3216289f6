import type { Algorithm, RolloutDefaults } from '../../learner/algorithm.ts'
import { ALGORITHM_NAMES, ALGORITHMS } from '../../learner/algorithms/index.ts'
import { RolloutSettings, experiment } from '../../learner/experiment.ts'
import { planOf } from '../../learner/planOf.ts'
import { programOf } from '../../learner/training/makeLearner.ts'
import { makeEnv } from '../../shared/env/index.ts'
import { policySpecFor } from '../../shared/policy/index.ts'
import { table } from '../stage/table.ts'

export interface ListedAlgorithm {
  readonly name: string
  readonly about: string
  readonly paper: string
  /** Kinds of action space that it takes; observations may be of any kind. */
  readonly actions: readonly string[]
  /** Every setting with its default. One without a default is not here. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Settings that may be left out and have no default. */
  readonly optional: readonly string[]
  /** What an update reports in `metrics.jsonl`, under `metrics`. */
  readonly metrics: readonly string[]
  /** Of `rollouts`, where an experiment says nothing. */
  readonly rollouts: Required<RolloutDefaults>
}

/** Every algorithm with what it is and its defaults. */
export function listedAlgorithms(): readonly ListedAlgorithm[] {
  return ALGORITHM_NAMES.map((name) => {
    const algorithm = ALGORITHMS[name]()
    const { about, actions, config, settings, rollouts } = algorithm
    const { envsPerShard, fragmentLength } = RolloutSettings.parse(rollouts)
    const sizes = { envsPerShard, fragmentLength }
    const optional = settings.filter((setting) => !(setting in config))
    const said = { about: about.sentence, paper: about.paper, actions, settings: config, optional }
    return { name, ...said, metrics: metricsOf(algorithm), rollouts: sizes }
  })
}

/** By what a program for an env with few numbers and two actions says of itself. */
function metricsOf(algorithm: Algorithm): readonly string[] {
  const one = experiment({ env: 'CartPole-v1', algorithm })
  const { setting } = planOf(one)
  const { observationSpace, actionSpace } = makeEnv('CartPole-v1')
  const policy = algorithm.policy(policySpecFor(observationSpace, actionSpace))
  const { graphs } = programOf(one, { setting, policy })
  return [...new Set([...Object.values(graphs).flatMap(({ metrics }) => metrics), 'learning_rate'])]
}

/** What differs most between algorithms, and is changed first; the others are in the docs and in the JSON. */
const OF_NOTE = ['learningRate', 'gamma', 'entropyCoef', 'trainBatchSteps', 'epochs', 'minibatchSteps']

export function algorithmLines(algorithms: readonly ListedAlgorithm[], width: number): readonly string[] {
  const rows = algorithms.map(({ name, about, paper, actions, settings, rollouts }) => {
    const noted = OF_NOTE.filter((setting) => setting in settings).map((s) => `${s} ${JSON.stringify(settings[s])}`)
    const sizes = `rollouts of ${rollouts.envsPerShard} envs, ${rollouts.fragmentLength} steps`
    return [name, actions.join(', '), [...noted, sizes].join(', '), paper || '-', about || '-']
  })
  const { head, body } = table(['name', 'actions', 'defaults', 'paper', 'what it is'], rows, { width })
  return [...head, ...body]
}
