import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The folder of an installed package as Node would find it from `from`, links followed. Not by `import.meta.url`: SST bundles the
 * configuration into a file of its own, far from any package. Not by `require.resolve`: what a package exports is not asked.
 *
 * @throws Error when it is not installed
 */
export function packageFolder(name: string, from: string): string {
  const start = realpathSync(from)
  for (let folder = start; ; folder = dirname(folder)) {
    if (nameOf(folder) === name) return folder // the package itself, as in Millrace's own repository
    const installed = join(folder, 'node_modules', name)
    if (existsSync(join(installed, 'package.json'))) return realpathSync(installed)
    if (folder === dirname(folder)) throw new Error(`${name} is not installed in ${start}; run npm install`)
  }
}

/** A package's version, from its package.json. */
export function packageVersion(folder: string): string {
  return String(readPackage(folder)['version'])
}

function nameOf(folder: string): unknown {
  return existsSync(join(folder, 'package.json')) ? readPackage(folder)['name'] : undefined
}

function readPackage(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>
}
