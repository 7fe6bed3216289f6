import { algorithmsFor } from '../../learner/algorithms/fitting.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { asDefinition, describeSpace, envIds, makeEnv, type Space } from '../../shared/env/index.ts'
import { policySpecFor } from '../../shared/policy/index.ts'
import { tunedFile } from '../../library/load/loadPair.ts'
import { table } from '../stage/table.ts'

export interface ListedEnv {
  readonly id: string
  readonly observationSpace: Space
  readonly actionSpace: Space
  /** Env steps an episode; null where it has no limit. */
  readonly maxEpisodeSteps: number | null
  /** Names of the algorithms that take it. */
  readonly algorithms: readonly string[]
  /** Those among them for which an example has tuned settings. */
  readonly tuned: readonly string[]
}

/** Every built-in env. */
export function listedEnvs(): readonly ListedEnv[] {
  return envIds().map((id) => {
    const { observationSpace, actionSpace } = makeEnv(id)
    const { maxEpisodeSteps = null } = asDefinition(id)
    const algorithms = algorithmsWithPolicy(observationSpace, actionSpace)
    const tuned = algorithms.filter((algorithm) => tunedFile({ env: id, algorithm }) !== undefined)
    return { id, observationSpace, actionSpace, maxEpisodeSteps, algorithms, tuned }
  })
}

/** Those that take the actions, where there is a policy for them at all. */
function algorithmsWithPolicy(observationSpace: Space, actionSpace: Space): readonly string[] {
  try {
    policySpecFor(observationSpace, actionSpace)
    return algorithmsFor(actionSpace)
  } catch (error) {
    if (isMillraceError(error) && error.code === 'E_POLICY_SPEC') return []
    throw error
  }
}

export function envLines(envs: readonly ListedEnv[], width: number): readonly string[] {
  const rows = envs.map(({ id, observationSpace, actionSpace, maxEpisodeSteps, algorithms, tuned }) => [
    id,
    short(observationSpace),
    short(actionSpace),
    maxEpisodeSteps === null ? '-' : String(maxEpisodeSteps),
    algorithms.map((name) => (tuned.includes(name) ? `${name} (tuned)` : name)).join(', ') || 'none yet',
  ])
  const { head, body } = table(['id', 'observation', 'action', 'time limit', 'algorithms'], rows, { right: [3], width })
  return [...head, ...body]
}

/** A space in words, its bounds to three digits. */
const short = (space: Space): string =>
  describeSpace(space).replace(/\d+\.\d{3,}/g, (x) => String(Number((+x).toPrecision(3))))
