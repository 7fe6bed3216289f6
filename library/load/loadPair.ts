import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { ALGORITHM_NAMES, ALGORITHMS, type AlgorithmName } from '../../learner/algorithms/index.ts'
import { type Experiment, experiment } from '../../learner/experiment.ts'
import { asDefinition } from '../../shared/env/index.ts'
import { MillraceError, nearestName } from '../../shared/errors.ts'
import { loadExperiment } from './loadExperiment.ts'
import { PAIR_ENV_STEPS, type Pair, pairName } from './pair.ts'

export interface LoadedPair {
  readonly experiment: Experiment
  /** Names the run. */
  readonly name: string
  readonly ownEnv: false
  readonly pair: Pair
  /** The tuned experiment that it is, and the env that was tuned for: another version of the same one, perhaps. */
  readonly tuned?: { readonly file: string; readonly env: string }
}

/**
 * The experiment for an env and an algorithm: the tuned one of `examples/tuned` where there is one, else the algorithm's defaults for
 * `PAIR_ENV_STEPS` env steps.
 *
 * @throws MillraceError E_ENV_UNKNOWN, E_USAGE for an algorithm that there is not, with the nearest name
 */
export async function loadPair(pair: Pair, folder: string = tunedFolder()): Promise<LoadedPair> {
  const { id: env } = asDefinition(pair.env)
  const algorithm = algorithmNamed(pair.algorithm)
  const name = pairName({ env, algorithm })
  const loaded = { name, ownEnv: false, pair: { env, algorithm } } as const
  const file = tunedFile(pair, folder)
  if (file === undefined)
    return {
      ...loaded,
      experiment: experiment({ env, algorithm: ALGORITHMS[algorithm](), stop: { envSteps: PAIR_ENV_STEPS } }),
    }
  const { experiment: tuned } = await loadExperiment(file, { cwd: folder })
  return { ...loaded, experiment: experiment({ ...tuned, env }), tuned: { file, env: asDefinition(tuned.env).id } }
}

/** The file of the tuned experiment for a pair, if there is one. */
export function tunedFile(pair: Pair, folder: string = tunedFolder()): string | undefined {
  const file = join(folder, `${pairName(pair)}.ts`)
  return existsSync(file) ? file : undefined
}

const tunedFolder = (): string => join(packageRoot(import.meta.url), 'examples/tuned')

function algorithmNamed(name: string): AlgorithmName {
  const found = ALGORITHM_NAMES.find((known) => known === name)
  if (found !== undefined) return found
  const near = nearestName(name, ALGORITHM_NAMES)
  const hint = near === undefined ? `there are ${ALGORITHM_NAMES.join(', ')}` : `did you mean '${near}'?`
  throw new MillraceError('E_USAGE', `there is no algorithm '${name}'; ${hint}`)
}
