import type { RolloutDefaults } from '../../learner/algorithm.ts'
import { ALGORITHM_NAMES, ALGORITHMS } from '../../learner/algorithms/index.ts'
import { RolloutSettings } from '../../learner/experiment.ts'
import { table } from '../stage/table.ts'

export interface ListedAlgorithm {
  readonly name: string
  readonly about: string
  readonly paper: string
  /** Kinds of action space that it takes; observations may be of any kind. */
  readonly actions: readonly string[]
  /** Every setting with its default. One without a default is not here. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Of `rollouts`, where an experiment says nothing. */
  readonly rollouts: Required<RolloutDefaults>
}

/** Every algorithm with what it is and its defaults. */
export function listedAlgorithms(): readonly ListedAlgorithm[] {
  return ALGORITHM_NAMES.map((name) => {
    const { about, actions, config, rollouts } = ALGORITHMS[name]()
    const { envsPerShard, fragmentLength } = RolloutSettings.parse(rollouts)
    const sizes = { envsPerShard, fragmentLength }
    return { name, about: about.sentence, paper: about.paper, actions, settings: config, rollouts: sizes }
  })
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
