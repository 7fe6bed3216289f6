import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LearnerKind } from '../../infra/aws/settings.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const root = packageRoot()

/** How Millrace lies in a project: as npm lays out a package, or as a link to a checkout. */
export type Installed = 'package' | 'link'

/** A project of a user's own out of the template, with Millrace installed and a learner of a kind; `dispose` removes it. */
export async function userProject(
  installed: Installed,
  learner: LearnerKind = 'anywhere',
): Promise<{ folder: string; dispose(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-project-'))
  await cp(join(root, 'templates/project'), folder, { recursive: true })
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'my-experiment', private: true, type: 'module' }),
  )
  const settings = join(folder, 'millrace.settings.ts')
  const text = await readFile(settings, 'utf8')
  if (!text.includes("kind: 'anywhere'")) throw new Error("the template's settings name no learner")
  await writeFile(settings, text.replace("kind: 'anywhere'", `kind: '${learner}'`))
  await mkdir(join(folder, 'node_modules'))
  if (installed === 'link') await symlink(root, join(folder, 'node_modules/millrace'))
  else await layOut(folder)
  return { folder, dispose: () => rm(folder, { recursive: true, force: true }) }
}

/** The package's files, and its dependencies hoisted beside it. */
async function layOut(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules')
  const { files } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { files: string[] }
  for (const file of ['package.json', ...files]) {
    await cp(join(root, file), join(modules, 'millrace', file), { recursive: true })
  }
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (/^(onnxruntime-(node|common)|zod)$/.test(name))
      await symlink(join(root, 'node_modules', name), join(modules, name))
  }
}
