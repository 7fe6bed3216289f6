import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { MillraceError, nearestName } from '../../shared/errors.ts'
import type { Episode } from '../../shared/rollout/index.ts'
import { count, measure } from '../display/format.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { watchSignals } from '../interrupts.ts'
import { RUN_FILES } from '../../library/run/runFolder.ts'
import { print } from '../display/wrap.ts'
import { type PlayedRun, playRun, statisticsOf } from '../../library/evaluate.ts'
import type { PolicyRecord } from '../../library/run/records.ts'

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
 * @throws MillraceError E_RUN_FOLDER when there is no such folder, or it holds no policy; E_DISK, E_POLICY_MODEL, E_ENV_UNKNOWN, E_ENV_STEP
 */
export async function evaluateCommand(options: EvaluateOptions, host: Host): Promise<number> {
  const folder = findRunFolder(options.folder, host.cwd)
  const interrupts = watchSignals(host)
  let played: PlayedRun
  try {
    played = await playRun(folder, { ...options, over: () => interrupts.signal.aborted })
  } finally {
    interrupts.close()
  }
  const interrupted = interrupts.exitCode()
  if (interrupted !== undefined) return interrupted
  printEpisodes(played.episodes, { record: played.record, options, host })
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
  const n = episodes.length
  const { meanReturn, standardDeviation, minReturn, maxReturn, meanLength } = statisticsOf(episodes)
  return [
    `mean return ${measure(meanReturn)} ${plusMinus} ${measure(standardDeviation)} over ${count(n)} episode${n === 1 ? '' : 's'}`,
    `min ${measure(minReturn)}`,
    `max ${measure(maxReturn)}`,
    `mean length ${measure(meanLength)}`,
  ].join(', ')
}

/** @throws MillraceError E_RUN_FOLDER naming the nearest run folder that is there */
function findRunFolder(given: string, cwd: string): string {
  const folder = resolve(cwd, given)
  if (existsSync(join(folder, RUN_FILES.policySpec))) return folder
  if (existsSync(folder))
    throw new MillraceError('E_RUN_FOLDER', `${given} holds no policy: there is no ${RUN_FILES.policySpec} in it`)
  const parent = dirname(folder)
  const near = existsSync(parent) ? nearestName(basename(folder), readdirSync(parent)) : undefined
  throw new MillraceError(
    'E_RUN_FOLDER',
    `there is no run folder ${given}${near ? `; did you mean ${join(dirname(given), near)}?` : ''}`,
  )
}
