import { readFile, readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { packageManifest } from '../../library/load/libraryEntries.ts'
import { diskError } from '../../library/run/disk.ts'

export interface ProjectOptions {
  /** Of the package and the app: 3 to 24 small letters, digits and hyphens. */
  readonly name: string
  /** What package.json says of Millrace. */
  readonly millrace: string
  readonly region?: string | undefined
}

/** What the template calls itself. */
const NAME = 'my-experiment'
const REGION = 'us-east-1'
/** What a project develops with, in the versions that Millrace itself does. */
const DEVELOPMENT = ['@types/node', 'sst', 'typescript', 'vitest']
/** npm leaves files of these names out of a package, so the template has them without the dot. */
const DOTTED: Readonly<Record<string, string>> = { gitignore: '.gitignore', npmrc: '.npmrc' }

/**
 * The files of a new project, by their path in it.
 * @throws MillraceError E_DISK when the template of this installation cannot be read
 */
export async function projectFiles(options: ProjectOptions): Promise<ReadonlyMap<string, string>> {
  const template = join(packageRoot(), 'templates/project')
  const files = new Map([['package.json', `${JSON.stringify(manifest(options), null, 2)}\n`]])
  const { name, region = REGION } = options
  try {
    for (const entry of await readdir(template, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const file = join(entry.parentPath, entry.name)
      const path = relative(template, file).replaceAll(sep, '/')
      const text = await readFile(file, 'utf8')
      files.set(DOTTED[path] ?? path, text.replaceAll(NAME, name).replaceAll(REGION, region))
    }
  } catch (error) {
    throw diskError(error, 'read', template)
  }
  return files
}

function manifest({ name, millrace }: ProjectOptions) {
  const { devDependencies, overrides } = packageManifest()
  return {
    name,
    version: '0.0.0',
    private: true,
    type: 'module',
    // Types first: Millrace runs TypeScript without checking it, and an env with a wrong call would be trained on as it is.
    scripts: { train: 'tsc --noEmit && millrace train experiment.ts', test: 'vitest run', typecheck: 'tsc --noEmit' },
    dependencies: { millrace },
    devDependencies: Object.fromEntries(DEVELOPMENT.map((name) => [name, devDependencies[name] ?? '*'])),
    overrides: { sst: overrides['sst'] },
    engines: { node: '>=20.19' },
  }
}
