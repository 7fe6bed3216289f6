import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Experiment } from '../../learner/experiment.ts'
import type { Pair } from '../load/pair.ts'
import { checkpointNames } from './checkpoints.ts'
import { isHeldHere } from './claim.ts'
import { nodeFiles } from './disk.ts'
import { readConfig, settingsChanged } from './resume.ts'
import { RUN_FILES } from './runFolder.ts'
import { readSummary } from './standing.ts'

export interface Unfinished {
  /** The experiment with its current settings. */
  readonly experiment: Experiment
  readonly file?: string | undefined
  /** What was named in the place of a file. */
  readonly pair?: Pair | undefined
  /** This Millrace's own. */
  readonly version: string
}

/**
 * The newest run folder under `parent` whose run can go on: of the same experiment file by name, or of none, the same settings (but for `stop` and
 * `budget`) and the same version, interrupted, with a checkpoint, and with nobody at work in it.
 *
 * @returns its path; undefined when there is none
 */
export async function newestUnfinished(parent: string, wanted: Unfinished): Promise<string | undefined> {
  const names = await readdir(parent).catch((): string[] => []) // there is no run yet, or none that could be read
  const found: { readonly path: string; readonly at: number }[] = []
  for (const name of names) {
    const path = join(parent, name)
    if (await canGoOn(path, wanted)) found.push({ path, at: (await stat(join(path, RUN_FILES.config))).mtimeMs })
  }
  return found.toSorted((a, b) => b.at - a.at)[0]?.path
}

async function canGoOn(path: string, { experiment, file, pair, version }: Unfinished): Promise<boolean> {
  const config = await readConfig(path)
  if (!config || config.versions.millrace !== version) return false
  if (basename(config.file ?? '') !== basename(file ?? '') || (config.pair === undefined) !== (pair === undefined))
    return false
  if (settingsChanged(config, experiment).length > 0) return false
  const summary = await readSummary(path)
  if (summary && summary.reason !== 'interrupted') return false
  if ((await checkpointNames(join(path, RUN_FILES.checkpoints), nodeFiles)).length === 0) return false
  return !(await isHeldHere(path, nodeFiles))
}
