import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import { oneLine } from '../../shared/oneLine.ts'
import { diskError } from '../run/disk.ts'
import { bundleForHere, shown } from './bundle.ts'
import { type LibraryEntries, libraryEntries } from './libraryEntries.ts'
import { missingExport } from './missingExport.ts'
import { userPosition } from './position.ts'

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
  const folder = await mkdtemp(join(tmpdir(), 'millrace-')).catch((error: unknown) => {
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
    try {
      return (await import(pathToFileURL(outfile).href)) as Record<string, unknown>
    } catch (error) {
      throw await loadError(error, { file, outfile, bundle, code, entries: entries ?? libraryEntries() })
    }
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {}) // the system clears its temporary folder
    process.off('exit', clear)
  }
}

interface Failed {
  readonly file: string
  readonly outfile: string
  readonly bundle: Uint8Array
  readonly code: RunFileOptions['code']
  readonly entries: LibraryEntries
}

async function loadError(error: unknown, failed: Failed): Promise<MillraceError> {
  const { file, outfile, bundle, code, entries } = failed
  const missing = await missingExport(error, { file: outfile, code: bundle, entries })
  const at = missing ? missing.at : userPosition(error, { file: outfile, code: bundle })
  const place = at ? `${shown(at.file)}:${at.line}:${at.column}` : shown(file)
  if (missing) return new MillraceError(code, `${place}: ${missing.sentence}`, {}, { cause: error })
  if (isMillraceError(error))
    return new MillraceError(error.code, `${place}: ${error.message}`, error.where, { cause: error })
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new MillraceError(code, `${place} threw while loading: ${oneLine(what)}`, {}, { cause: error })
}
