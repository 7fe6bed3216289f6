// Loaded here, so that an error in it shows when the function starts and not with a request.
import 'onnxruntime-node'
import { sha256Hex } from '../shared/batch/hash.ts'
import { type Clock, type ObjectStore, s3Client, s3ObjectStore, systemClock } from '../shared/cloud/index.ts'
import { MillraceError } from '../shared/errors.ts'
import { type EvaluationRequest, type EvaluationResult, parseEvaluation } from '../shared/protocol/evaluation.ts'
import { playEpisodes } from '../shared/rollout/index.ts'
import { envSource } from './envSource.ts'
import { ownProcess } from './ownProcess.ts'

/** What Lambda tells a handler about itself. */
interface LambdaContext {
  getRemainingTimeInMillis(): number
}

/** Time reserved for the answer. */
const MARGIN_MS = 500

// Made once an execution environment and kept while it is warm.
const s3 = s3Client()

/**
 * The evaluate function: plays fresh episodes with a policy of the bucket. The caller waits for the answer; every failure is an error.
 *
 * @throws MillraceError E_EVALUATION for a payload that is no request, and whatever `evaluate` throws
 */
export async function handler(event: unknown, context: LambdaContext): Promise<EvaluationResult> {
  const request = parseEvaluation(event)
  ownProcess()
  const deadline = systemClock.now() + context.getRemainingTimeInMillis() - MARGIN_MS
  return await evaluate(request, { store: s3ObjectStore(s3, request.bucket), clock: systemClock, deadline })
}

export interface EvaluationWorld {
  readonly store: ObjectStore
  readonly clock: Clock
  /** ms since the epoch. */
  readonly deadline: number
}

/**
 * Plays the episodes of a request.
 *
 * @throws MillraceError E_EVALUATION when the time is over before the last episode, E_POLICY_MODEL, E_ENV_UNKNOWN, E_ENV_CONFIG, E_ENV_STEP,
 * E_STORE
 */
export async function evaluate(request: EvaluationRequest, world: EvaluationWorld): Promise<EvaluationResult> {
  const { policy, env } = request
  const [model, source] = await Promise.all([readPolicy(policy, world.store), envSource(request, world.store)])
  const episodes = await playEpisodes(source, {
    ...request,
    model,
    spec: policy.spec,
    config: env.config,
    over: () => world.clock.now() >= world.deadline,
  })
  if (episodes.length === request.episodes) return { format: 1, episodes: [...episodes] }
  throw new MillraceError(
    'E_EVALUATION',
    `the function's time was over after ${episodes.length} of ${request.episodes} episodes; ask for fewer: it has 15 minutes, Lambda's longest`,
    { played: episodes.length, asked: request.episodes },
  )
}

async function readPolicy({ key, sha256 }: EvaluationRequest['policy'], store: ObjectStore): Promise<Uint8Array> {
  const found = await store.get(key)
  if (found.kind !== 'found')
    throw new MillraceError('E_POLICY_MODEL', 'the policy to evaluate is not in the bucket', { key })
  if (sha256Hex(found.body) === sha256) return found.body
  throw new MillraceError('E_POLICY_MODEL', 'the policy in the bucket is not the one that was asked for', { key })
}
