import { basename } from 'node:path'
import { experiment, type Experiment, type ExperimentInput } from '../../learner/experiment.ts'
import { envIds } from '../../shared/env/index.ts'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { findExperimentFile } from './findFile.ts'
import type { LibraryEntries } from './libraryEntries.ts'
import { runFile } from './runFile.ts'
import { shown } from './shown.ts'

export { bundleEnvCode } from './bundle.ts'

export interface LoadedExperiment {
  readonly experiment: Experiment
  /** Absolute path of the file. */
  readonly file: string
  /** The file's name without extension: names the run. */
  readonly name: string
  /** The env comes with the file, so functions need the file's code (`bundleEnvCode`). */
  readonly ownEnv: boolean
}

/**
 * Loads an experiment from a TypeScript or JavaScript file, without the user compiling anything (see `runFile`).
 *
 * @param given as the user typed it; see `findExperimentFile`
 * @throws MillraceError E_EXPERIMENT, one sentence with the place in the user's file
 */
export async function loadExperiment(
  given: string,
  options: { readonly cwd: string; readonly entries?: LibraryEntries },
): Promise<LoadedExperiment> {
  const file = findExperimentFile(given, options.cwd)
  const name = basename(file).replace(/\.[^.]+$/, '')
  const known = new Set(envIds())
  const exported = await runFile(file, { code: 'E_EXPERIMENT', entries: options.entries })
  const value: unknown = exported['default']
  if (value === undefined)
    throw new MillraceError('E_EXPERIMENT', `${shown(file)} has no default export; ${missingDefault(exported)}`)
  if (typeof value !== 'object' || value === null) {
    throw new MillraceError(
      'E_EXPERIMENT',
      `the default export of ${shown(file)} is a ${typeof value}, expected an experiment`,
    )
  }
  const checked = checkedExperiment(value, file)
  return { experiment: checked, file, name, ownEnv: typeof checked.env !== 'string' || !known.has(checked.env) }
}

/** A plain object passes too: `experiment()` fills in what it lacks. */
function checkedExperiment(value: object, file: string): Experiment {
  try {
    return experiment(value as ExperimentInput)
  } catch (error) {
    if (!isMillraceError(error, 'E_EXPERIMENT')) throw error
    throw new MillraceError(
      'E_EXPERIMENT',
      `the default export of ${shown(file)} is not an experiment: ${error.message}`,
      {},
      { cause: error },
    )
  }
}

function missingDefault(exported: Record<string, unknown>): string {
  const candidate = Object.keys(exported).find((name) => typeof exported[name] === 'object')
  return candidate ? `write \`export default ${candidate}\`` : 'write `export default experiment({ … })`'
}
