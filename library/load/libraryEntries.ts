import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { MillraceError, nearestName } from '../../shared/errors.ts'

/** File of each entry of this very installation: 'millrace', 'millrace/env', … */
export type LibraryEntries = ReadonlyMap<string, string>

interface Manifest {
  readonly version: string
  readonly devDependencies: Readonly<Record<string, string>>
  readonly overrides: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}

export function packageManifest(root: string = packageRoot(import.meta.url)): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
}

/**
 * What `millrace` and `millrace/…` mean in an experiment file: the entries of this installation, whatever is installed beside
 * the file, so that the file and the command share one copy of every module. From source they are the sources themselves:
 * their place is what the entry's `types` say.
 */
export function libraryEntries(root: string = packageRoot(import.meta.url)): LibraryEntries {
  const fromDist = import.meta.url.includes('/dist/')
  const entries = new Map<string, string>()
  for (const [name, target] of Object.entries(packageManifest(root).exports)) {
    if (typeof target === 'string') continue
    entries.set(name.replace(/^\./, 'millrace'), join(root, fromDist ? target.default : sourceOf(target.types)))
  }
  return entries
}

/** What an entry's types are read from: a declaration of dist/types, or the source itself where the command runs from source. */
export function libraryTypes(root: string = packageRoot(import.meta.url)): LibraryEntries {
  const fromDist = import.meta.url.includes('/dist/')
  const types = new Map<string, string>()
  for (const [name, target] of Object.entries(packageManifest(root).exports)) {
    if (typeof target === 'string') continue
    const file = fromDist ? target.types : sourceOf(target.types)
    types.set(name.replace(/^\./, 'millrace'), join(root, file))
  }
  return types
}

const sourceOf = (types: string): string => types.replace('/dist/types/', '/').replace(/\.d\.ts$/, '.ts')

/** @throws MillraceError E_EXPERIMENT when Millrace has no such entry */
export function libraryEntry(entries: LibraryEntries, specifier: string): string {
  const file = entries.get(specifier)
  if (file === undefined) {
    const parts = [...entries.keys()].map((entry) => entry.replace(/^millrace\/?/, ''))
    const near = nearestName(specifier.replace(/^millrace\/?/, ''), parts.filter(Boolean))
    const hint = near ? `did you mean 'millrace/${near}'?` : `it has ${[...entries.keys()].join(', ')}`
    throw new MillraceError('E_EXPERIMENT', `millrace has no entry '${specifier}'; ${hint}`)
  }
  if (!existsSync(file))
    throw new MillraceError('E_INTERNAL', `${specifier} is not built: there is no ${file}; run npm run build`)
  return file
}
