import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { execFile } from 'node:child_process'
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { wasInterrupted } from '../../cli/project/sst.ts'
import type { StageSettingsInput } from '../../infra/aws/settings.ts'
import { localCloud } from '../../infra/local/cloud.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'
// @ts-expect-error a script, without types
import { OFFLINE, ensurePlatform } from '../../scripts/sst-platform.mjs'

const root = packageRoot()
const CREDENTIALS = { accessKeyId: 'nobody', secretAccessKey: 'nothing' }

/** A resource as the program registered it. */
export interface RecordedResource {
  readonly type: string
  readonly name: string
  readonly custom: boolean
  readonly inputs: Readonly<Record<string, unknown>>
  readonly retain: boolean
  readonly protect: boolean
  readonly ignoreChanges: readonly string[]
  readonly dependencies: readonly string[]
}

export interface DeployOptions {
  /** The settings; the stage is always `test`. */
  readonly settings?: StageSettingsInput
  /** A folder with a project of a user's own (its sst.config.ts, settings and node_modules); otherwise this repository's. */
  readonly project?: string
  /** `diff` registers the same without changing the state. */
  readonly command?: 'deploy' | 'diff'
  /** Changes to files under infra/, each [file, text, other text]: a program that is broken on purpose. */
  readonly edits?: readonly (readonly [file: string, from: string, to: string])[]
  /** `sst remove` afterwards. */
  readonly remove?: boolean
  /** Interrupts SST when it has started the engine. */
  readonly interrupt?: boolean
  /** Where its folder is made; that of temporary files unless told. */
  readonly under?: string
}

/** What `sst deploy` would have made: a graph verified without an account, not a deployment. */
export interface Recording extends AsyncDisposable {
  readonly resources: readonly RecordedResource[]
  readonly outputs: Readonly<Record<string, unknown>>
  /** The very zips that SST built. */
  readonly artefacts: { readonly rollout: string; readonly evaluate: string }
  /** The command's own words. */
  readonly said: string
  /** With `remove`: what the state held when it was removed. */
  readonly removed?: readonly { readonly type: string; readonly urn: string; readonly retainOnDelete?: boolean }[]
}

/**
 * Runs the real `sst` on the real program with a stand-in for Pulumi's engine and the emulated cloud for SST's own state. No account,
 * no credentials of the caller's; everything it writes lies in a folder of its own, which disposing removes. One at a time: of two that
 * begin at once, one may interrupt itself (`wasInterrupted`).
 *
 * @throws Error with SST's own words when it fails or is interrupted
 */
export async function recordDeploy(options: DeployOptions = {}): Promise<Recording> {
  const folder = await mkdtemp(join(options.under ?? tmpdir(), 'millrace-deploy-'))
  const dispose = () => rm(folder, { recursive: true, force: true })
  try {
    return { ...(await record(folder, options)), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function record(folder: string, options: DeployOptions): Promise<Omit<Recording, typeof Symbol.asyncDispose>> {
  const project = options.project ?? join(folder, 'project')
  if (options.project === undefined) await copyRepository(project, options)
  await preparePlatform(project)
  await writeEngine(join(folder, 'home'), options)
  await using cloud = await localCloud({ control: true, credentials: CREDENTIALS })
  await bootstrap(cloud.endpoint)
  cloud.s3.createBucket('sst-state')
  cloud.s3.createBucket('sst-asset')
  const env = {
    PATH: process.env['PATH'],
    HOME: join(folder, 'home'),
    AWS_ENDPOINT_URL: cloud.endpoint,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    MILLRACE_PLATFORM: join(root, '.sst/platform'),
    MILLRACE_RECORD: folder,
    MILLRACE_REGION: options.settings?.region ?? 'us-east-1',
    ...OFFLINE,
  }
  const said = await sst(options.command ?? 'deploy', project, env)
  const graph = JSON.parse(await readFile(join(folder, 'graph.json'), 'utf8')) as Recording
  const zip = (name: string) => join(project, '.sst/artifacts', name, 'code.zip')
  const recording = {
    resources: graph.resources,
    outputs: graph.outputs,
    artefacts: { rollout: zip('TrainRollout'), evaluate: zip('TrainEvaluate') },
    said,
  }
  if (!options.remove) return recording
  await sst('remove', project, env)
  return { ...recording, removed: JSON.parse(await readFile(join(folder, 'removed.json'), 'utf8')) }
}

/** This repository as a project, with settings of its own: links lead to the rest, so that nothing is written into the checkout. */
async function copyRepository(project: string, { settings, edits = [] }: DeployOptions): Promise<void> {
  await mkdir(project, { recursive: true })
  for (const file of ['package.json', 'sst.config.ts']) await copyFile(join(root, file), join(project, file))
  for (const name of ['shared', 'learner', 'dist', 'node_modules']) await symlink(join(root, name), join(project, name))
  if (edits.length === 0) await symlink(join(root, 'infra'), join(project, 'infra'))
  else await cp(join(root, 'infra'), join(project, 'infra'), { recursive: true })
  for (const [file, from, to] of edits) {
    const text = await readFile(join(project, file), 'utf8')
    if (!text.includes(from)) throw new Error(`${file} has no '${from}' to break`)
    await writeFile(join(project, file), text.replaceAll(from, to))
  }
  if (settings === undefined) {
    await copyFile(join(root, 'millrace.settings.ts'), join(project, 'millrace.settings.ts'))
    return
  }
  await writeFile(
    join(project, 'millrace.settings.ts'),
    `import { settings } from './infra/aws/settings.ts'\nexport default settings(${JSON.stringify(settings)})\n`,
  )
}

/** SST's platform is installed once, in this repository. Each project has its own folder of links to it: `sst` compiles the program into it. */
async function preparePlatform(project: string): Promise<void> {
  const installed: string = await ensurePlatform(root)
  const platform = join(project, '.sst/platform')
  await mkdir(platform, { recursive: true })
  for (const name of await readdir(installed)) await symlink(join(installed, name), join(platform, name))
  await copyFile(join(root, '.sst/provider-lock.json'), join(project, '.sst/provider-lock.json'))
}

/** Where `sst` looks for Pulumi's engine. */
async function writeEngine(home: string, { interrupt = false }: DeployOptions): Promise<void> {
  const bin = join(home, '.config/sst/bin')
  await mkdir(bin, { recursive: true })
  const engine = join(root, 'test/deploy/engine.mjs')
  const first = interrupt ? '[ "$1" = up ] && kill -TERM $PPID && exec sleep 60\n' : ''
  await writeFile(join(bin, 'pulumi'), `#!/bin/sh\n${first}exec '${process.execPath}' '${engine}' "$@"\n`)
  await chmod(join(bin, 'pulumi'), 0o755)
}

/** What SST makes once an account: buckets for its state and for assets, and a registry. */
async function bootstrap(endpoint: string): Promise<void> {
  const client = new SSMClient({ endpoint, region: 'us-east-1', credentials: CREDENTIALS })
  const Value = JSON.stringify({
    version: 99,
    asset: 'sst-asset',
    state: 'sst-state',
    assetEcrRegistryId: '123456789012',
    assetEcrUrl: '123456789012.dkr.ecr.us-east-1.amazonaws.com/sst-asset',
  })
  await client.send(new PutParameterCommand({ Name: '/sst/bootstrap', Type: 'String', Value }))
  client.destroy()
}

async function sst(command: string, cwd: string, env: Record<string, string | undefined>): Promise<string> {
  const args = [join(root, 'node_modules/sst/bin/sst.mjs'), command, '--stage', 'test']
  const said = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { cwd, env, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`sst ${command} failed:\n${stdout}${stderr}`, { cause: error }))
      else resolve(`${stdout}${stderr}`)
    })
  })
  if (await wasInterrupted(cwd, env)) throw new Error(`sst ${command} was interrupted:\n${said}`)
  return said
}
