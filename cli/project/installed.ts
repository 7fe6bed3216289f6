import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export interface InstalledPackage {
  readonly version: string
  readonly folder: string
}

/** A package as an import in a folder would find it: in its node_modules, or in those of a folder above. */
export async function installedPackage(name: string, from: string): Promise<InstalledPackage | undefined> {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name)
    const manifest = await readManifest(folder)
    if (manifest) return { version: manifest.version, folder }
    if (dirname(at) === at) return undefined
  }
}

/** The version of Millrace that a project deploys: the one it depends on, or, in Millrace's own repository, itself. */
export async function projectMillrace(project: string): Promise<string | undefined> {
  const own = await readManifest(project)
  return own?.name === 'millrace' ? own.version : (await installedPackage('millrace', project))?.version
}

async function readManifest(folder: string): Promise<{ readonly name: string; readonly version: string } | undefined> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as { name: string; version: string })
}
