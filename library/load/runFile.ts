import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, realpath, rm, writeFile } from 'node:fs/promises'
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
 * bundled in memory, run from a temporary file that is gone before the user's own code begins (that code may never come to its end,
 * and be killed), and shares this process's copy of Millrace.
 *
 * @throws MillraceError of the code asked for, or of the code the file threw; one sentence with the place in the user's file
 */
export async function runFile(
  file: string,
  { code, entries }: RunFileOptions,
): Promise<Readonly<Record<string, unknown>>> {
  const folder = join(await realpath(tmpdir()).catch(notWritten), `millrace-${randomUUID()}`) // as stacks name it
  const outfile = join(folder, 'user.mjs')
  const bundle = await bundleForHere(file, entries ? { outfile, entries } : { outfile }).catch((error: unknown) => {
    if (!isMillraceError(error, 'E_EXPERIMENT')) throw error
    throw new MillraceError(code, error.message, error.where, { cause: error })
  })
  // The process may end, for another reason, while this is under way.
  const clear = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', clear)
  try {
    await mkdir(folder, { mode: 0o700 }).catch(notWritten)
    await writeFile(outfile, withFirst(bundle, removal(folder))).catch(notWritten)
    knowBundle(outfile, new TextDecoder().decode(bundle))
    try {
      return await ended(import(pathToFileURL(outfile).href) as Promise<Record<string, unknown>>, code)
    } catch (error) {
      const sources = () => bundledSources({ file: outfile, code: bundle })
      throw await loadError(error, { file, code, sources, entries: entries ?? libraryEntries() })
    }
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {}) // the system clears its temporary folder
    process.off('exit', clear)
  }
}

function notWritten(error: unknown): never {
  throw diskError(error, 'write', tmpdir())
}

/** An import that is evaluated before all else in a module, on the module's first line, so that other lines keep their numbers. */
function removal(folder: string): string {
  const source = `import{rmSync}from'node:fs';rmSync(${JSON.stringify(folder)},{recursive:true,force:true})`
  return `import${JSON.stringify(`data:text/javascript,${encodeURIComponent(source)}`)};`
}

function withFirst(code: Uint8Array, statement: string): Uint8Array {
  return Buffer.concat([Buffer.from(statement), code])
}

/** What a module gives once it is loaded. A top-level `await` of what never comes leaves a process with nothing to do, and Node would end it without a word. */
async function ended<T>(loading: Promise<T>, code: RunFileOptions['code']): Promise<T> {
  let idle = () => {}
  const never = new Promise<never>((_, reject) => {
    idle = () =>
      reject(new MillraceError(code, 'it does not finish loading: a top-level await in it waits for what never comes'))
  })
  process.once('beforeExit', idle)
  try {
    return await Promise.race([loading, never])
  } finally {
    process.off('beforeExit', idle)
  }
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
