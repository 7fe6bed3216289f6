import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { settings, type StageSettings, type StageSettingsInput } from '../infra/aws/settings.ts'
import { MillraceError, isMillraceError } from '../shared/errors.ts'
import { shown } from '../library/load/shown.ts'
import type { LibraryEntries } from '../library/load/libraryEntries.ts'
import { runFile } from '../library/load/runFile.ts'

export const SETTINGS_FILE = 'millrace.settings.ts'

/**
 * The settings of the project around a folder: the default export of its `millrace.settings.ts`, every default filled in.
 *
 * @throws MillraceError E_SETTINGS, one sentence with the place in the file; or that there is no such file
 */
export async function loadSettings(
  cwd: string,
  options: { readonly entries?: LibraryEntries } = {},
): Promise<StageSettings> {
  const file = join(findProject(cwd), SETTINGS_FILE)
  const exported = await runFile(file, { code: 'E_SETTINGS', entries: options.entries })
  const value = exported['default']
  if (typeof value !== 'object' || value === null) {
    throw new MillraceError(
      'E_SETTINGS',
      `${shown(file)} has no default export that is an object; write \`export default settings({ … })\``,
    )
  }
  try {
    return settings(value as StageSettingsInput) // a plain object passes too
  } catch (error) {
    if (!isMillraceError(error, 'E_SETTINGS')) throw error
    throw new MillraceError('E_SETTINGS', `${shown(file)}: ${error.message}`, error.where, { cause: error })
  }
}

/**
 * The project a folder belongs to: itself, or the nearest folder above it that holds a `millrace.settings.ts`.
 *
 * @throws MillraceError E_SETTINGS when there is none
 */
export function findProject(cwd: string): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, SETTINGS_FILE))) return folder
    if (dirname(folder) === folder) break
  }
  throw new MillraceError(
    'E_SETTINGS',
    `there is no ${SETTINGS_FILE} here or in a folder above; millrace init <folder> makes a project with one`,
  )
}
