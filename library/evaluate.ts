import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { importUserModule } from '../functions/userModule.ts'
import { parseSettings } from '../learner/settings.ts'
import type { EnvConfig, EnvSource } from '../shared/env/index.ts'
import { MillraceError } from '../shared/errors.ts'
import { type Episode, playEpisodes } from '../shared/rollout/index.ts'
import { findPolicy, type FoundPolicy, type PolicySource } from './policySource.ts'
import { type PolicyRecord, readPolicy } from './run/records.ts'
import { RUN_FILES } from './run/runFolder.ts'

const EvaluateSchema = z.strictObject({
  /** Number of episodes to play. */
  episodes: z.number().int().min(1).default(100),
  /** Seed of the episodes and the actions. The same seed gives the same episodes. */
  seed: z.number().int().min(0).default(0),
  /** Draw actions from the policy's distribution instead of taking the likeliest. */
  stochastic: z.boolean().default(false),
  /** Stops the evaluation; the promise is rejected with the signal's reason. */
  signal: z.instanceof(AbortSignal).optional(),
  /** The env to play in. By default the env of the run folder; required where the policy is given as bytes. */
  env: z
    .custom<EnvSource>(
      (env) => typeof env === 'string' || typeof env === 'function' || (typeof env === 'object' && env !== null),
      {
        error: 'expected an env id, an env class, or an env definition',
      },
    )
    .optional(),
  /** The config for `env`. */
  envConfig: z.record(z.string(), z.json()).optional(),
})
export type EvaluateOptions = z.input<typeof EvaluateSchema>

/** The result of an evaluation: every episode in the order of their ends, and statistics of the returns. */
export interface Evaluation extends Statistics {
  readonly episodes: readonly Episode[]
}

export interface Statistics {
  readonly meanReturn: number
  /** Sample standard deviation of the returns; 0 for one episode. */
  readonly standardDeviation: number
  readonly minReturn: number
  readonly maxReturn: number
  /** Env steps. */
  readonly meanLength: number
}

/**
 * Plays fresh episodes with a policy, in this process.
 *
 * @param source a run folder (or its `policy.onnx`), a loaded policy, or `{ policy, spec }`; all but a run folder need `env`
 * @throws MillraceError E_USAGE for wrong options, E_POLICY_MODEL, E_POLICY_SPEC also where the policy does not fit the env, E_ENV_UNKNOWN,
 *   E_ENV_CONFIG, E_ENV_STEP, E_DISK; the reason of the signal once it is aborted
 */
export async function evaluate(source: PolicySource, options: EvaluateOptions = {}): Promise<Evaluation> {
  const settings = parseSettings(EvaluateSchema, options, 'evaluate', 'E_USAGE')
  const { signal, episodes: count, seed, stochastic } = settings
  signal?.throwIfAborted()
  const found = findPolicy(source, 'evaluate')
  const { env, config } = await envFor(found, settings)
  const { model, spec } = found
  const over = () => signal?.aborted === true
  const episodes = await playEpisodes(env, { model, spec, config, episodes: count, seed, stochastic, over })
  signal?.throwIfAborted()
  return { episodes, ...statisticsOf(episodes) }
}

async function envFor(
  { folder, record }: FoundPolicy,
  { env, envConfig }: { readonly env?: EnvSource | undefined; readonly envConfig?: EnvConfig | undefined },
): Promise<{ readonly env: EnvSource; readonly config: EnvConfig }> {
  if (env !== undefined) return { env, config: envConfig ?? {} }
  if (folder === undefined || record === undefined)
    throw new MillraceError(
      'E_USAGE',
      'evaluate was given a policy without its env; name it: evaluate(policy, { env })',
    )
  return { env: await envOfRun(folder, record), config: envConfig ?? record.env.config }
}

/** An evaluation of a run folder: the policy, its env, and the episodes. */
export interface PlayedRun {
  readonly record: PolicyRecord
  readonly episodes: readonly Episode[]
}

/**
 * Plays fresh episodes with the policy of a run folder, in the env it was trained in.
 *
 * @throws MillraceError E_DISK when a file of the folder is missing or broken, and what `playEpisodes` throws
 */
export async function playRun(
  folder: string,
  options: {
    readonly episodes: number
    readonly seed: number
    readonly stochastic: boolean
    readonly over: () => boolean
  },
): Promise<PlayedRun> {
  const { record, model } = readPolicy(folder)
  const { spec, env } = record
  const { episodes, seed, stochastic, over } = options
  const source = await envOfRun(folder, record)
  const play = { model, spec, config: env.config, episodes, seed, stochastic, over }
  return { record, episodes: await playEpisodes(source, play) }
}

export function statisticsOf(episodes: readonly Episode[]): Statistics {
  const n = episodes.length
  const mean = (of: (episode: Episode) => number) => episodes.reduce((sum, episode) => sum + of(episode), 0) / n
  const meanReturn = mean((episode) => episode.return)
  const squares = episodes.reduce((sum, episode) => sum + (episode.return - meanReturn) ** 2, 0)
  return {
    meanReturn,
    standardDeviation: n > 1 ? Math.sqrt(squares / (n - 1)) : 0,
    minReturn: episodes.reduce((least, episode) => Math.min(least, episode.return), Infinity),
    maxReturn: episodes.reduce((most, episode) => Math.max(most, episode.return), -Infinity),
    meanLength: mean((episode) => episode.length),
  }
}

/** The env that a run was trained in: a built-in env by its id, or the user's own env from the code in the run folder. */
async function envOfRun(folder: string, { env }: PolicyRecord): Promise<EnvSource> {
  if (!env.own) return env.id
  const file = join(folder, RUN_FILES.envCode)
  if (!existsSync(file))
    throw new MillraceError('E_RUN_FOLDER', `cannot read ${file}: the code of env '${env.id}' is not there`)
  const module = await importUserModule(env.id, file, readFileSync(file))
  return (module['default'] as { readonly env: EnvSource }).env
}
