import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { experiment, type Experiment, type ExperimentInput } from '../learner/experiment.ts'
import { envIds } from '../shared/env/index.ts'
import { MillraceError, isMillraceError } from '../shared/errors.ts'
import { oneLine } from './display/text.ts'
import { bundleForHere, shown } from './load/bundle.ts'
import { findExperimentFile } from './load/findFile.ts'
import type { LibraryEntries } from './load/libraryEntries.ts'
import { userPosition } from './load/position.ts'
import { diskError } from './run/disk.ts'

export { bundleEnvCode } from './load/bundle.ts'

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
 * Loads an experiment from a TypeScript or JavaScript file, without the user compiling anything. The file is bundled in memory,
 * run from a temporary file that is removed at once, and shares this process's copy of Millrace.
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
  const exported = await runFile(file, options.entries)
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

async function runFile(file: string, entries: LibraryEntries | undefined): Promise<Record<string, unknown>> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-')).catch((error: unknown) => {
    throw diskError(error, 'write', tmpdir())
  })
  const outfile = join(folder, 'experiment.mjs')
  try {
    const code = await bundleForHere(file, entries ? { outfile, entries } : { outfile })
    await writeFile(outfile, code).catch((error: unknown) => {
      throw diskError(error, 'write', outfile)
    })
    try {
      return (await import(pathToFileURL(outfile).href)) as Record<string, unknown>
    } catch (error) {
      throw loadError(error, { file, outfile, code })
    }
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {}) // the system clears its temporary folder
  }
}

function loadError(
  error: unknown,
  { file, outfile, code }: { file: string; outfile: string; code: Uint8Array },
): MillraceError {
  const at = userPosition(error, { file: outfile, code })
  const place = at ? `${shown(at.file)}:${at.line}:${at.column}` : shown(file)
  if (isMillraceError(error))
    return new MillraceError(error.code, `${place}: ${error.message}`, error.where, { cause: error })
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new MillraceError('E_EXPERIMENT', `${place} threw while loading: ${oneLine(what)}`, {}, { cause: error })
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
