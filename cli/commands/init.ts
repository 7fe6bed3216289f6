import { existsSync, statSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { MillraceError } from '../../shared/errors.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { thisInstallation } from '../project/installation.ts'
import { projectFiles } from '../project/template.ts'
import { diskError } from '../../library/run/disk.ts'
import { quoted } from '../display/shell.ts'
import { print } from '../display/wrap.ts'
import { makeFolder } from '../../shared/makeFolder.ts'

export interface InitOptions {
  /** The new project's folder, as the user typed it. */
  readonly folder: string
  /** What package.json says of Millrace: a version, or a path of a package; by default this very installation. */
  readonly millrace?: string
}

/**
 * `millrace init`: a small project that trains here and deploys to AWS. Nothing is installed yet.
 *
 * @throws MillraceError E_USAGE when the folder holds something or is a file, E_DISK when it cannot be written
 */
export async function initCommand(options: InitOptions, host: Host): Promise<number> {
  const folder = resolve(host.cwd, options.folder)
  await refuseFull(folder, options.folder)
  const files = await projectFiles({
    name: projectName(basename(folder)),
    millrace: options.millrace ?? thisInstallation(folder),
    region: knownRegion(host.env['AWS_REGION'] ?? host.env['AWS_DEFAULT_REGION']),
  })
  for (const [path, text] of files) {
    const file = join(folder, path)
    try {
      await makeFolder(dirname(file))
      await writeFile(file, text, { flag: 'wx' })
    } catch (error) {
      throw diskError(error, 'make', file)
    }
  }
  const there = relative(host.cwd, folder)
  print(host.out, [
    `made ${options.folder}: ${[...files.keys()].sort().join(', ')}`,
    '',
    ...(there === '' ? [] : [`  cd ${quoted(there)}`]),
    '  npm install',
    '  npm run train                           until the goal, in a few seconds',
    '  npm test',
    '  npx millrace deploy --stage demo        once you have an AWS account',
  ])
  return EXIT.ok
}

/** A folder under version control is as good as empty. */
async function refuseFull(folder: string, given: string): Promise<void> {
  if (!existsSync(folder)) return
  if (!statSync(folder).isDirectory())
    throw new MillraceError('E_USAGE', `${given} is a file, not a folder; name a new folder`)
  const entries = await readdir(folder).catch((error: unknown) => {
    throw diskError(error, 'read', given)
  })
  const found = entries.find((name) => name !== '.git')
  if (found === undefined) return
  throw new MillraceError('E_USAGE', `${given} is not empty (it holds ${found}); name a new folder`)
}

/** What settings and package.json take as a name, out of any folder's: `My Experiment` is `my-experiment`. */
export function projectName(folder: string): string {
  const plain = folder
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 24)
    .replace(/-+$/, '')
  return plain.length >= 3 ? plain : `train${plain === '' ? '' : `-${plain}`}`
}

/** A region of the environment, where it is one that the settings take. */
function knownRegion(region: string | undefined): string | undefined {
  return region !== undefined && /^[a-z]{2}(-[a-z]+)+-\d$/.test(region) ? region : undefined
}
