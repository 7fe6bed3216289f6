import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { importUserModule } from '../../functions/userModule.ts'
import type { EnvSource } from '../../shared/env/index.ts'
import { MillraceError, nearestName } from '../../shared/errors.ts'
import { type Episode, playEpisodes } from '../../shared/rollout/index.ts'
import { count, measure } from '../display/format.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { watchSignals } from '../interrupts.ts'
import { RUN_FILES } from '../../library/run/runFolder.ts'
import { readPolicy, type PolicyRecord } from '../../library/run/records.ts'
import { print } from '../display/wrap.ts'

export interface EvaluateOptions {
  /** As the user typed it: a run folder, or with `stage` a run of that stage. */
  readonly folder: string
  readonly stage?: string
  readonly episodes: number
  readonly seed: number
  /** Sample actions instead of taking the likeliest. */
  readonly stochastic: boolean
}

/**
 * `millrace evaluate`: runs the final policy of a run folder and prints the returns.
 *
 * @throws MillraceError E_RUN when there is no such folder, or it holds no policy; E_DISK, E_POLICY_MODEL, E_ENV_UNKNOWN, E_ENV_STEP
 */
export async function evaluateCommand(options: EvaluateOptions, host: Host): Promise<number> {
  const folder = findRunFolder(options.folder, host.cwd)
  const { record, model } = readPolicy(folder)
  const source = await envOf(folder, record)
  const interrupts = watchSignals(host)
  let episodes: readonly Episode[]
  try {
    const { spec, env } = record
    episodes = await playEpisodes(source, {
      ...options,
      model,
      spec,
      config: env.config,
      over: () => interrupts.signal.aborted,
    })
  } finally {
    interrupts.close()
  }
  const interrupted = interrupts.exitCode()
  if (interrupted !== undefined) return interrupted
  printEpisodes(episodes, { record, options, host })
  return EXIT.ok
}

/** Prints what was played with which policy, and how it went. */
export function printEpisodes(
  episodes: readonly Episode[],
  {
    record,
    options: { stochastic, seed },
    host: { out },
  }: { readonly record: PolicyRecord; readonly options: EvaluateOptions; readonly host: Host },
): void {
  const manner = stochastic ? 'sampled actions' : 'likeliest actions'
  const { env, policyVersion, run } = record
  print(out, `${env.id}, policy version ${count(policyVersion)} of ${run}, ${manner}, seed ${seed}`)
  print(out, resultLine(episodes, out.glyphs.plusMinus))
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
    `min ${measure(returns.reduce((a, b) => Math.min(a, b), Infinity))}`,
    `max ${measure(returns.reduce((a, b) => Math.max(a, b), -Infinity))}`,
    `mean length ${measure(length)}`,
  ].join(', ')
}

async function envOf(folder: string, { env }: PolicyRecord): Promise<EnvSource> {
  if (!env.own) return env.id
  const file = join(folder, RUN_FILES.envCode)
  if (!existsSync(file))
    throw new MillraceError('E_RUN', `cannot read ${file}: the code of env '${env.id}' is not there`)
  const module = await importUserModule(env.id, file, readFileSync(file))
  return (module['default'] as { readonly env: EnvSource }).env
}

/** @throws MillraceError E_RUN naming the nearest run folder that is there */
function findRunFolder(given: string, cwd: string): string {
  const folder = resolve(cwd, given)
  if (existsSync(join(folder, RUN_FILES.policySpec))) return folder
  if (existsSync(folder))
    throw new MillraceError('E_RUN', `${given} holds no policy: there is no ${RUN_FILES.policySpec} in it`)
  const parent = dirname(folder)
  const near = existsSync(parent) ? nearestName(basename(folder), readdirSync(parent)) : undefined
  throw new MillraceError(
    'E_RUN',
    `there is no run folder ${given}${near ? `; did you mean ${join(dirname(given), near)}?` : ''}`,
  )
}
