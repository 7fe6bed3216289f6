// Puts SST's platform (its components' sources and types, 323 MB from the npm registry) beside a project's sst.config.ts, unless it
// is there. Needs no account and no credentials; the type check of infra/sst and its tests need it.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** Nothing but the npm registry: no engine, no Bun, nobody told. */
export const OFFLINE = {
  SST_SKIP_DEPENDENCY_CHECK: '1',
  SST_NO_BUN: '1',
  SST_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** @returns {Promise<string>} the platform's folder @throws {Error} with SST's own words when it cannot be installed */
export async function ensurePlatform(project = root) {
  const platform = join(project, '.sst/platform')
  const sst = join(root, 'node_modules/sst')
  const { version } = JSON.parse(readFileSync(join(sst, 'package.json'), 'utf8'))
  if (isWhole(platform, version)) return platform
  console.error(`installing SST ${version}'s platform into ${platform} (once, about 40 s)`)
  const options = { cwd: project, env: { ...process.env, ...OFFLINE } }
  const args = [join(sst, 'bin/sst.mjs'), 'install', '--stage', 'test']
  const done = await promisify(execFile)(process.execPath, args, options).catch((error) => error)
  if (done instanceof Error || !isWhole(platform, version)) throw new Error(`sst install: ${done.stdout}${done.stderr}`)
  return platform
}

function isWhole(platform, version) {
  const files = [
    'version',
    'config.d.ts',
    'node_modules/@pulumi/aws/package.json',
    'node_modules/typescript/package.json',
  ]
  if (!files.every((file) => existsSync(join(platform, file)))) return false
  return readFileSync(join(platform, 'version'), 'utf8').trim() === version
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await ensurePlatform()
