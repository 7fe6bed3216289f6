import { rmSync } from 'node:fs'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { oneLine } from '../../shared/oneLine.ts'
import { showThrown } from '../../shared/showValue.ts'
import { showPosition, userTrace } from '../../shared/userCode/index.ts'
import { knowBundle } from '../../shared/userCode/sourceMapped.ts'
import { diskError } from '../run/disk.ts'
import { bundleForHere } from './bundle.ts'
import { bundledSources } from './bundledSources.ts'
import { type LibraryEntries, libraryEntries } from './libraryEntries.ts'
import { missingExport } from './missingExport.ts'
import { shown, withShownPaths } from './shown.ts'

export interface RunFileOptions {
  /** What a file that cannot be bundled, or throws, is reported as. */
  readonly code: 'E_EXPERIMENT' | 'E_SETTINGS'
  readonly entries?: LibraryEntries | undefined
}

/**
 * Runs a user's TypeScript or JavaScript file without their compiling anything, and gives back what it exports. The file is
 * bundled in memory, run from a temporary file that is removed at once, and shares this process's copy of Millrace.
 *
 * @throws MillraceError of the code asked for, or of the code the file threw; one sentence with the place in the user's file
 */
export async function runFile(
  file: string,
  { code, entries }: RunFileOptions,
): Promise<Readonly<Record<string, unknown>>> {
  const folder = await temporaryFolder().catch((error: unknown) => {
    throw diskError(error, 'write', tmpdir())
  })
  const outfile = join(folder, 'user.mjs')
  // The process may end, for another reason, while this is under way.
  const clear = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', clear)
  try {
    const bundle = await bundleForHere(file, entries ? { outfile, entries } : { outfile }).catch((error: unknown) => {
      if (!isMillraceError(error, 'E_EXPERIMENT')) throw error
      throw new MillraceError(code, error.message, error.where, { cause: error })
    })
    await writeFile(outfile, bundle).catch((error: unknown) => {
      throw diskError(error, 'write', outfile)
    })
    knowBundle(outfile, new TextDecoder().decode(bundle))
    try {
      return (await import(pathToFileURL(outfile).href)) as Record<string, unknown>
    } catch (error) {
      const sources = () => bundledSources({ file: outfile, code: bundle })
      throw await loadError(error, { file, code, sources, entries: entries ?? libraryEntries() })
    }
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {}) // the system clears its temporary folder
    process.off('exit', clear)
  }
}

/** By the name that stacks have for it: a system's temporary folder may be a link. */
async function temporaryFolder(): Promise<string> {
  return await realpath(await mkdtemp(join(tmpdir(), 'millrace-')))
}

interface Failed {
  readonly file: string
  readonly code: RunFileOptions['code']
  readonly sources: () => ReadonlyMap<string, string>
  readonly entries: LibraryEntries
}

async function loadError(error: unknown, { file, code, sources, entries }: Failed): Promise<MillraceError> {
  const missing = await missingExport(error, { sources, entries })
  const { at, stack } = missing ? { at: showPosition(missing.at), stack: undefined } : userTrace(error)
  // In a source map a backslash of a file's name is a slash.
  const place =
    at === undefined ? shown(file) : withShownPaths(at.replace(resolve(file.replaceAll('\\', '/')), () => file))
  // A stack of one line says no more than the place.
  const options = { cause: error, userStack: stack?.includes('\n') ? stack : undefined }
  if (missing) return new MillraceError(code, `${place}: ${missing.sentence}`, {}, options)
  if (isMillraceError(error)) return new MillraceError(error.code, `${place}: ${error.message}`, error.where, options)
  return new MillraceError(code, `${place} threw while loading: ${oneLine(showThrown(error))}`, {}, options)
}
