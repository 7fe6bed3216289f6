import type { RunStatus } from '../../learner/stage/records.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { MillraceError } from '../../shared/errors.ts'
import { EvaluationRequest, EvaluationResult } from '../../shared/protocol/evaluation.ts'
import { issues } from '../../shared/protocol/fields.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { deriveSeed } from '../../shared/random.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { PolicyRecord } from '../../library/run/records.ts'
import { RUN_FILES } from '../../library/run/runFolder.ts'
import { checkedResult } from '../stage/results.ts'
import { isOver, parseRecord } from '../stage/runRecords.ts'
import { findRun } from '../stage/runs.ts'
import { type OpenStage, type Stage, checkVersion, typed } from '../stage/stage.ts'
import { printEpisodes, type EvaluateOptions } from './evaluate.ts'

export interface EvaluateStageParts {
  readonly openStage: OpenStage
  /** @throws MillraceError E_INVOKE */
  invoke(functionName: string, payload: EvaluationRequest, options: { readonly region: string }): Promise<unknown>
  /** This Millrace's own. */
  readonly version: string
}

/** Functions at once; a new account often has ten. */
const MOST_INVOCATIONS = 8
/** Fewer are not worth a function of their own: the same episodes as here, from the same seed. */
const LEAST_EPISODES = 100
/** A request's own limit. */
const MOST_EPISODES = 10_000

/**
 * `millrace evaluate <run> --stage name`: the evaluate function plays episodes with the policy of a run in the bucket.
 *
 * @throws MillraceError E_RUN when there is no such run or it has no policy yet, E_INVOKE with what the function said
 */
export async function evaluateStageCommand(
  options: EvaluateOptions & { readonly stage: string },
  host: Host,
  parts: EvaluateStageParts,
): Promise<number> {
  const stage = await parts.openStage(options.stage, { cwd: host.cwd })
  const { description } = stage
  checkVersion(description, parts.version)
  const { request, record } = await requestFor(options, stage)
  const requests = split(options).map((part) => ({ ...request, ...part }))
  const invoke = async (payload: EvaluationRequest) =>
    parsed(await parts.invoke(description.evaluateFunction, payload, { region: description.region }))
  const results: EvaluationResult[] = []
  for (let i = 0; i < requests.length; i += MOST_INVOCATIONS)
    results.push(...(await Promise.all(requests.slice(i, i + MOST_INVOCATIONS).map(invoke))))
  printEpisodes(
    results.flatMap(({ episodes }) => episodes),
    { record, options, host },
  )
  return EXIT.ok
}

async function requestFor(options: EvaluateOptions & { readonly stage: string }, { store, description }: Stage) {
  const { value: status } = await findRun(store, options.folder)
  const { run } = status
  const specKey = keys.result(run, RUN_FILES.policySpec)
  const read = checkedResult(await store.get(specKey), status, RUN_FILES.policySpec)
  const record = read.kind === 'found' ? parseRecord(PolicyRecord, read.body, specKey) : undefined
  if (!record) {
    const why = isOver(status) ? 'it left none' : `it has none until it is over; ${typed.follow(description, run)}`
    throw new MillraceError('E_RUN', `run '${run}' has no policy to evaluate: ${why}`)
  }
  const { spec, sha256, env } = record
  const code = env.own ? await envCode(status, store) : undefined
  const request = {
    format: 1 as const,
    bucket: description.bucket,
    policy: { key: keys.result(run, RUN_FILES.policy), sha256, spec },
    env: { id: env.id, config: env.config, ...(code && { code }) },
    stochastic: options.stochastic,
  }
  return { request, record }
}

async function envCode(status: RunStatus, store: Stage['store']): Promise<{ key: string; sha256: string }> {
  const { run } = status
  const key = keys.result(run, RUN_FILES.envCode)
  const read = checkedResult(await store.get(key), status, RUN_FILES.envCode)
  if (read.kind === 'found') return { key, sha256: sha256Hex(read.body) }
  throw new MillraceError('E_RUN', `the code of the env of run '${run}' is no longer in the bucket`)
}

/** Shares of the episodes, each with a seed of its own; the first has the user's. */
function split({ episodes, seed }: EvaluateOptions): { readonly episodes: number; readonly seed: number }[] {
  const size = Math.min(MOST_EPISODES, Math.max(LEAST_EPISODES, Math.ceil(episodes / MOST_INVOCATIONS)))
  return Array.from({ length: Math.ceil(episodes / size) }, (_, i) => ({
    episodes: Math.min(size, episodes - i * size),
    seed: i === 0 ? seed : deriveSeed(seed, 'evaluate', i),
  }))
}

function parsed(answer: unknown): EvaluationResult {
  const result = EvaluationResult.safeParse(answer)
  if (result.success) return result.data
  throw new MillraceError('E_EVALUATION', `the evaluate function answered something else: ${issues(result.error)}`)
}
