import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { MillraceError, nearestName } from '../../shared/errors.ts'

const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs']

/**
 * Finds the experiment file: the path as given, the path with an extension added, or the name of one of Millrace's
 * own examples (`cartpole`).
 *
 * @returns an absolute path
 * @throws MillraceError E_EXPERIMENT naming the nearest file that is there
 */
export function findExperimentFile(
  given: string,
  cwd: string,
  examples: string = join(packageRoot(import.meta.url), 'examples'),
): string {
  if (given === '') throw new MillraceError('E_EXPERIMENT', 'the name of the experiment file is empty')
  const asked = resolve(cwd, given)
  const candidates = [asked, ...EXTENSIONS.map((extension) => asked + extension)]
  const own = /^[\w-]+$/.test(given) ? [join(examples, `${given}.ts`)] : []
  const found = [...candidates, ...own].find(isFile)
  if (found) {
    if (EXTENSIONS.some((extension) => found.endsWith(extension))) return found
    throw new MillraceError('E_EXPERIMENT', `${given} is not an experiment file: expected ${EXTENSIONS.join(', ')}`)
  }
  const there = statSync(asked, { throwIfNoEntry: false })
  if (there) {
    const what = there.isDirectory() ? 'a folder' : 'not a regular file'
    throw new MillraceError('E_EXPERIMENT', `${given} is ${what}, expected an experiment file`)
  }
  const folder = dirname(asked)
  if (!existsSync(folder))
    throw new MillraceError('E_EXPERIMENT', `there is no experiment file ${given}: there is no folder ${folder}`)
  const near =
    nearestFile(basename(asked), folder) ?? nearestFile(`${basename(asked)}.ts`, examples)?.replace(/\.ts$/, '')
  const hint = near ? `; did you mean ${near.includes('.') ? join(dirname(given), near) : near}?` : ''
  throw new MillraceError('E_EXPERIMENT', `there is no experiment file ${given}${hint}`)
}

function nearestFile(name: string, folder: string): string | undefined {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => EXTENSIONS.some((e) => file.endsWith(e))) : []
  return (
    nearestName(name, files) ?? files.find((file) => nearestName(name, [file.replace(/\.[^.]+$/, '')]) !== undefined)
  )
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
