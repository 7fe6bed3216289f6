import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { nearestName } from '../../shared/errors.ts'

/**
 * The file that a relative import most likely means, as the import should name it.
 *
 * @param specifier as it stands in the file, for instance `./envs/dok.ts`
 * @param importer the file with the import; it is never meant itself
 * @returns undefined when nothing there has a like name
 */
export function nearestModule(specifier: string, importer: string): string | undefined {
  const there = resolve(dirname(importer), dirname(specifier))
  const names = existsSync(there) ? readdirSync(there).filter((name) => resolve(there, name) !== importer) : []
  const near = nearestName(basename(specifier), names)
  return near === undefined ? undefined : specifier.slice(0, specifier.length - basename(specifier).length) + near
}
