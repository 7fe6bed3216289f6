// Tries the learner's image without a Docker engine: does the steps of infra/learner.Dockerfile on a clean Debian root, then runs in it
// what the container would run. Needs Linux, root, and mmdebstrap or debootstrap; takes about a minute, mostly downloads. Nothing stays.
//
//   npm run check:image [-- --engine onnxruntime-cuda]
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { engine: { type: 'string', default: 'onnxruntime-cpu' } } })
const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const tool = ['mmdebstrap', 'debootstrap'].find(has)

const missing = problem()
if (missing) {
  console.error(`The learner's image was not checked: ${missing}.`)
  process.exit(69)
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-image-'))
const inside = JSON.stringify({ root: join(folder, 'root'), context: process.cwd(), engine: values.engine, tool })
const trial = join(import.meta.dirname, 'image/trial.mjs')
// Mounts and processes of the trial end with its namespaces, however it ends.
const child = spawn(
  'unshare',
  ['--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc', process.execPath, trial, inside],
  { stdio: ['ignore', 'inherit', 'inherit'] },
)
let interrupted = 0
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
]) {
  process.on(signal, () => {
    interrupted = 128 + number
    child.kill('SIGKILL')
  })
}
const code = await new Promise((resolve) => child.on('error', () => resolve(1)).on('close', resolve))
rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
if (code === 0) console.log("The learner's image was checked; it was never near a Docker engine or a GPU.")
process.exit(interrupted || (code ?? 1))

function problem() {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (process.getuid?.() !== 0) return 'it needs root (it mounts, and runs programs in a root of their own)'
  if (tool === undefined) return 'it needs mmdebstrap or debootstrap (apt-get install mmdebstrap)'
  const absent = ['unshare', 'chroot', 'mount', 'du'].find((program) => !has(program))
  if (absent) return `it needs the program ${absent}`
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0)
    return 'this machine does not let it make namespaces (unshare --mount --pid)'
  return undefined
}
