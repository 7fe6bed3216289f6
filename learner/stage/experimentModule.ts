import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { type Experiment, type ExperimentInput, experiment, withOverrides } from '../experiment.ts'

/** Written by the bundler where an experiment imports Millrace: the learner puts its own installation in its place. */
const LIBRARY_IMPORT = /(["'])millrace-library:(millrace(?:\/[\w-]+)*)\1/g

export interface ExperimentModuleOptions {
  /** The file of an entry of this installation. @throws MillraceError E_EXPERIMENT for one that there is not */
  readonly libraryEntry: (specifier: string) => string
  /** Overrides by dotted path. */
  readonly set: Readonly<Record<string, string>>
}

/**
 * The experiment of a module that `bundleForLearner` made. It shares this process's copy of Millrace.
 *
 * @throws MillraceError E_EXPERIMENT when it throws while loading, or its default export is no experiment, or an override does not fit
 */
export async function loadExperimentModule(module: Uint8Array, options: ExperimentModuleOptions): Promise<Experiment> {
  const { libraryEntry, set } = options
  const code = new TextDecoder().decode(module).replace(LIBRARY_IMPORT, (_, __, specifier: string) => {
    return JSON.stringify(pathToFileURL(libraryEntry(specifier)).href)
  })
  const folder = await mkdtemp(join(tmpdir(), 'millrace-experiment-'))
  try {
    const file = join(folder, 'experiment.mjs')
    await writeFile(file, code)
    const exported = (await importModule(file)) as { readonly default?: unknown }
    if (typeof exported.default !== 'object' || exported.default === null)
      throw new MillraceError('E_EXPERIMENT', 'the default export of the experiment is not an experiment')
    const loaded = experiment(exported.default as ExperimentInput)
    return Object.keys(set).length > 0 ? withOverrides(loaded, set) : loaded
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function importModule(file: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(file).href)
  } catch (cause) {
    if (isMillraceError(cause)) throw cause
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    throw new MillraceError('E_EXPERIMENT', `the experiment threw while loading: ${what}`, {}, { cause })
  }
}
