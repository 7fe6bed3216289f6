import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { EnvSource, VectorEnv } from '../../shared/env/index.ts'
import { makeVectorEnv } from '../../shared/env/index.ts'
import { MillraceError, nearestName } from '../../shared/errors.ts'
import { CategoricalSampler, PolicySession, type PolicySpec } from '../../shared/policy/index.ts'
import { Random, deriveSeed } from '../../shared/random.ts'
import { count, measure } from '../display/format.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { RUN_FILES } from '../run/runFolder.ts'
import { readPolicy, type PolicyRecord } from '../run/records.ts'

export interface EvaluateOptions {
  /** As the user typed it. */
  readonly folder: string
  readonly episodes: number
  readonly seed: number
  /** Sample actions instead of taking the likeliest. */
  readonly stochastic: boolean
}

/** An env without a time limit and a policy that never fails would step for ever. */
const LONGEST_EPISODE = 1_000_000
const MOST_ENVS = 256

/**
 * `millrace evaluate`: runs the final policy of a run folder and prints the returns.
 *
 * @throws MillraceError E_DISK when the folder holds no policy, E_POLICY_MODEL, E_ENV_UNKNOWN, E_ENV_STEP
 */
export async function evaluateCommand(options: EvaluateOptions, host: Host): Promise<number> {
  const folder = findRunFolder(options.folder, host.cwd)
  const { record, model } = readPolicy(folder)
  const source = await envOf(folder, record)
  const numEnvs = Math.min(options.episodes, MOST_ENVS)
  const env = makeVectorEnv(source, { numEnvs, config: record.env.config })
  env.reset(deriveSeed(options.seed, 'evaluate'))
  const policy = await PolicySession.load(model, record.spec, env.observations)
  const stop = new AbortController()
  const unwatch = host.onSignal(() => stop.abort())
  let episodes: readonly Episode[]
  try {
    episodes = await playEpisodes(env, policy, { ...options, spec: record.spec, signal: stop.signal })
  } finally {
    unwatch()
    await policy.release()
  }
  if (stop.signal.aborted) return EXIT.interrupted
  const manner = options.stochastic ? 'sampled actions' : 'likeliest actions'
  host.out.write(
    `${record.env.id}, policy version ${count(record.policyVersion)} of ${record.run}, ${manner}, seed ${options.seed}\n`,
  )
  host.out.write(`${resultLine(episodes, host.out.glyphs.plusMinus)}\n`)
  return EXIT.ok
}

export interface Episode {
  readonly return: number
  readonly length: number
}

/** `mean return 500 ± 0 over 100 episodes, min 500, max 500, mean length 500`; the deviation is the sample's. */
export function resultLine(episodes: readonly Episode[], plusMinus: string): string {
  const returns = episodes.map((episode) => episode.return)
  const n = returns.length
  const mean = returns.reduce((a, b) => a + b, 0) / n
  const variance = n > 1 ? returns.reduce((sum, r) => sum + (r - mean) ** 2, 0) / (n - 1) : 0
  const length = episodes.reduce((sum, episode) => sum + episode.length, 0) / n
  return [
    `mean return ${measure(mean)} ${plusMinus} ${measure(Math.sqrt(variance))} over ${count(n)} episode${n === 1 ? '' : 's'}`,
    `min ${measure(Math.min(...returns))}`,
    `max ${measure(Math.max(...returns))}`,
    `mean length ${measure(length)}`,
  ].join(', ')
}

interface Play {
  readonly spec: PolicySpec
  readonly episodes: number
  readonly seed: number
  readonly stochastic: boolean
  readonly signal: AbortSignal
}

/**
 * Plays episodes, a fixed number in each env: whichever end first would be the short ones, and their mean a biased one.
 *
 * @param env just reset; the policy reads its observations
 * @throws MillraceError E_ENV_STEP when an episode does not end
 */
export async function playEpisodes(env: VectorEnv, policy: PolicySession, play: Play): Promise<Episode[]> {
  const { action } = play.spec
  if (action.kind !== 'discrete')
    throw new MillraceError('E_POLICY_SPEC', 'only policies over discrete actions can be evaluated')
  const { numEnvs } = env
  const sampler = new CategoricalSampler(action.n, new Random(deriveSeed(play.seed, 'evaluate', 'actions')))
  const actions = new Int32Array(numEnvs)
  const logProbs = new Float32Array(numEnvs)
  const wanted = Int32Array.from({ length: numEnvs }, (_, i) => Math.floor((play.episodes + numEnvs - 1 - i) / numEnvs))
  const episodes: Episode[] = []
  while (episodes.length < play.episodes && !play.signal.aborted) {
    await policy.run()
    if (play.stochastic) sampler.sample(policy.logits, actions, logProbs)
    else sampler.greedy(policy.logits, actions, logProbs)
    env.step(actions)
    for (let i = 0; i < numEnvs; i++) {
      const length = env.episodeLengths[i] ?? 0
      if (env.terminated[i] || env.truncated[i]) {
        if ((wanted[i] ?? 0) <= 0) continue
        wanted[i] = (wanted[i] ?? 0) - 1
        episodes.push({ return: env.episodeReturns[i] ?? 0, length })
      } else if (length >= LONGEST_EPISODE && (wanted[i] ?? 0) > 0) {
        throw new MillraceError(
          'E_ENV_STEP',
          `an episode has not ended after ${count(LONGEST_EPISODE)} steps; does the env have a time limit?`,
        )
      }
    }
  }
  return episodes
}

async function envOf(folder: string, { env }: PolicyRecord): Promise<EnvSource> {
  if (!env.own) return env.id
  const file = join(folder, RUN_FILES.envCode)
  if (!existsSync(file))
    throw new MillraceError('E_DISK', `cannot read ${file}: the code of env '${env.id}' is not there`)
  const module = (await import(pathToFileURL(file).href)) as { readonly default: { readonly env: EnvSource } }
  return module.default.env
}

/** @throws MillraceError E_DISK naming the nearest run folder that is there */
function findRunFolder(given: string, cwd: string): string {
  const folder = resolve(cwd, given)
  if (existsSync(join(folder, RUN_FILES.policySpec))) return folder
  if (existsSync(folder))
    throw new MillraceError('E_DISK', `${given} holds no policy: there is no ${RUN_FILES.policySpec} in it`)
  const parent = dirname(folder)
  const near = existsSync(parent) ? nearestName(basename(folder), readdirSync(parent)) : undefined
  throw new MillraceError(
    'E_DISK',
    `there is no run folder ${given}${near ? `; did you mean ${join(dirname(given), near)}?` : ''}`,
  )
}
