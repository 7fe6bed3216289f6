import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../infra/local/packageRoot.ts'
import { RUN_FILES } from '../library/run/runFolder.ts'

/** A folder of thousands of files is not read to its end for a hint. */
const MOST_FILES = 300
const MOST_BYTES = 200_000

/** Files of a folder that look like experiments, in order. Only looked at, never run. */
export function experimentFiles(folder: string): string[] {
  return names(folder)
    .filter((name) => /\.m?[jt]s$/.test(name) && !/\.d\.m?ts$/.test(name))
    .slice(0, MOST_FILES)
    .filter((name) => /\bexperiment\s*\(/.test(textOf(join(folder, name))) && isExported(textOf(join(folder, name))))
}

const isExported = (text: string): boolean => /\bexport\s+default\b|\bas\s+default\b/.test(text)

/** The names of Millrace's own examples. */
export function exampleNames(): string[] {
  const folder = join(packageRoot(), 'examples')
  return experimentFiles(folder).map((name) => name.replace(/\.ts$/, ''))
}

/** The folders below `runs` that hold a policy, the newest first, as one would type them. */
export function runFolders(cwd: string): string[] {
  return names(join(cwd, 'runs'))
    .map((name) => `runs/${name}`)
    .filter((folder) => isRunFolder(join(cwd, folder)))
    .slice(0, MOST_FILES)
    .map((folder) => [folder, statSync(join(cwd, folder), { throwIfNoEntry: false })?.mtimeMs ?? 0] as const)
    .toSorted(([, a], [, b]) => b - a)
    .map(([folder]) => folder)
}

export const isRunFolder = (path: string): boolean => existsSync(join(path, RUN_FILES.policySpec))

/** The stage that SST was last used with in this folder: all that is known of stages without asking AWS. */
export function usedStages(cwd: string): string[] {
  const stage = textOf(join(cwd, '.sst/stage')).trim()
  return /^[\w-]+$/.test(stage) ? [stage] : []
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return [] // a hint is not worth an error
  }
}

function textOf(file: string): string {
  try {
    const { size } = statSync(file)
    return size > MOST_BYTES ? '' : readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
