import { algorithmsFor as algorithmsThatTake } from '../../learner/algorithms/fitting.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { asDefinition, describeSpace, envIds, makeEnv, type Space } from '../../shared/env/index.ts'
import { policySpecFor } from '../../shared/policy/index.ts'
import { lineWidth, print } from '../display/wrap.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { table } from '../stage/table.ts'

export const LISTED = ['envs'] as const

export interface ListOptions {
  readonly what: (typeof LISTED)[number]
  readonly json: boolean
}

interface ListedEnv {
  readonly id: string
  readonly observationSpace: Space
  readonly actionSpace: Space
  /** Env steps an episode; null where it has no limit. */
  readonly maxEpisodeSteps: number | null
  /** Names of the algorithms that take it. */
  readonly algorithms: readonly string[]
}

/** `millrace list envs`: prints what is built in. */
export async function listCommand({ json }: ListOptions, host: Host): Promise<number> {
  const envs = envIds().map(listed)
  if (json) host.out.write(`${JSON.stringify(envs, null, 2)}\n`)
  else print(host.out, envLines(envs, lineWidth(host.out)))
  return EXIT.ok
}

function listed(id: string): ListedEnv {
  const { observationSpace, actionSpace } = makeEnv(id)
  const { maxEpisodeSteps = null } = asDefinition(id)
  return {
    id,
    observationSpace,
    actionSpace,
    maxEpisodeSteps,
    algorithms: algorithmsFor(observationSpace, actionSpace),
  }
}

/** Those that take the actions, where there is a policy for them at all. */
function algorithmsFor(observationSpace: Space, actionSpace: Space): readonly string[] {
  try {
    policySpecFor(observationSpace, actionSpace)
    return algorithmsThatTake(actionSpace)
  } catch (error) {
    if (isMillraceError(error) && error.code === 'E_POLICY_SPEC') return []
    throw error
  }
}

function envLines(envs: readonly ListedEnv[], width: number): readonly string[] {
  const rows = envs.map(({ id, observationSpace, actionSpace, maxEpisodeSteps, algorithms }) => [
    id,
    short(observationSpace),
    short(actionSpace),
    maxEpisodeSteps === null ? '-' : String(maxEpisodeSteps),
    algorithms.join(', ') || 'none yet',
  ])
  const { head, body } = table(['id', 'observation', 'action', 'time limit', 'algorithms'], rows, { right: [3], width })
  return [...head, ...body]
}

/** A space in words, its bounds to three digits. */
const short = (space: Space): string =>
  describeSpace(space).replace(/\d+\.\d{3,}/g, (x) => String(Number((+x).toPrecision(3))))
