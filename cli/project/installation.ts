import { readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { packageManifest } from '../../library/load/libraryEntries.ts'

/**
 * What a package.json in this folder says of Millrace: a version where this installation came from a registry, else the path of the tarball or
 * the checkout, relative where both lie side by side.
 */
export function thisInstallation(folder: string): string {
  const root = packageRoot()
  const tarball = installedFrom(root)
  if (tarball === undefined && root.split(sep).includes('node_modules')) return `^${packageManifest(root).version}`
  return fileSpec(folder, tarball ?? root)
}

const Lock = z.object({ packages: z.record(z.string(), z.object({ resolved: z.string().optional() })) })

/** The file that npm installed this from, if it was one: npm's own list of what lies in `node_modules` says it. */
function installedFrom(root: string): string | undefined {
  const modules = dirname(root)
  try {
    const { packages } = Lock.parse(JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')))
    const resolved = packages[`${basename(modules)}/${basename(root)}`]?.resolved
    return resolved?.startsWith('file:') ? resolve(dirname(modules), resolved.slice('file:'.length)) : undefined
  } catch {
    return undefined
  }
}

function fileSpec(folder: string, root: string): string {
  const path = relative(folder, root)
  return `file:${/^(\.\.[\\/]){0,2}[^.\\/]/.test(path) ? path.replaceAll(sep, '/') : root}`
}
