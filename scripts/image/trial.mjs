// The inner half of scripts/check-image.mjs: builds the image in a folder and tries what it runs. The outer half gives it namespaces of
// its own and clears up behind it.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readDockerfile } from './dockerfile.mjs'
import { doStep, makeRoot, run, startContainer } from './machine.mjs'

const { root, context, engine, tool } = JSON.parse(process.argv[2])
const dockerfile = join(context, 'infra/learner.Dockerfile')
const ignore = readFileSync(`${dockerfile}.dockerignore`, 'utf8')
const image = readDockerfile(readFileSync(dockerfile, 'utf8'), { ENGINE: engine })

let since = performance.now()
const tell = (what) => {
  const seconds = ((performance.now() - since) / 1000).toFixed(1)
  console.log(`${seconds.padStart(7)} s  ${what}`)
  since = performance.now()
}
const megabytes = () => Number(run('du', ['-sx', '--block-size=1M', root]).split('\t')[0])

const suite = /^debian:(\w+)-slim$/.exec(image.base)?.[1]
if (suite === undefined) throw new Error(`the check makes Debian roots only, and the base is ${image.base}`)
makeRoot(root, { suite, tool })
tell(`FROM ${image.base}: ${megabytes()} MB`)
for (const step of image.steps) {
  doStep(step, { root, context, ignore })
  if (step.kind !== 'WORKDIR')
    tell(`${step.kind} ${step.command ?? `${step.from.join(' ')} ${step.to}`}: ${megabytes()} MB`)
}
console.log(`           the image: ${megabytes()} MB, ${packages()} packages of Debian, ENGINE=${engine}`)
lookAt()

/** Runs the container's program to its end, or sends it SIGTERM once `until` has been printed. */
async function runs(args, until) {
  const child = startContainer(root, image, args)
  let text = ''
  let asked = false
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece) => {
      text += piece
      if (until === undefined || asked || !text.includes(until)) return
      asked = true
      // To the first process of the container, as Docker does it: the only child of unshare.
      const first = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
      process.kill(Number(first), 'SIGTERM')
    })
  }
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  return { code, text }
}

const trained = await runs(['train', 'cartpole'])
if (trained.code !== 0) throw new Error(`millrace train cartpole ended with ${trained.code}\n${trained.text}`)
tell(`millrace train cartpole: ${/Reached a mean return.*/.exec(trained.text)?.[0] ?? 'no goal in its output'}`)

const stopped = await runs(['train', 'cartpole', '--set', 'stop.meanReturn=501'], 'env steps')
if (stopped.code !== 130 && stopped.code !== 143)
  throw new Error(`SIGTERM ended the container with ${stopped.code}\n${stopped.text}`)
tell(`SIGTERM ends it: status ${stopped.code}`)

/** What an image must not hold. */
function lookAt() {
  const home = join(root, 'opt/millrace')
  const foreign = readdirSync(join(home, 'node_modules/onnxruntime-node/bin/napi-v6'), { recursive: true }).filter(
    (path) => /\.(node|so[.\d]*|dll|dylib)$/.test(path) && !path.startsWith('linux/'),
  )
  if (foreign.length > 0) throw new Error(`libraries of other platforms are in the image: ${foreign.join(', ')}`)
  if (image.user === 'root') throw new Error('the container runs as root')
  for (const secret of ['root/.npmrc', 'root/.aws', 'opt/millrace/.npmrc'])
    if (existsSync(join(root, secret))) throw new Error(`${secret} is in the image`)
  if (engine !== 'onnxruntime-cuda') return
  const provider = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so'
  const missing = run('chroot', [root, 'ldd', `/opt/millrace/${provider}`])
    .split('\n')
    .filter((line) => line.includes('not found') && !line.includes('libcuda.so.1'))
  if (missing.length > 0) throw new Error(`the CUDA provider does not find ${missing.join(', ')}`)
  tell('every library that the CUDA provider names is there, but for the driver, which is the machine’s')
}

function packages() {
  return run('chroot', [root, 'dpkg-query', '-W', '-f', '.']).length
}
