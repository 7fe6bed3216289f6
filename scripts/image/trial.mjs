// The inner half of scripts/check-image.mjs: builds the image in a folder and tries what it runs. The outer half gives it namespaces of
// its own and clears up behind it.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readDockerfile } from './dockerfile.mjs'
import { doStep, makeRoot, run, startContainer } from './machine.mjs'
import { tryService, watch } from './service.mjs'

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

const trained = watch(startContainer(root, image, ['train', 'cartpole']))
await trained.endsWith(0)
tell(`millrace train cartpole: ${/Reached a mean return.*/.exec(trained.text)?.[0]}`)
await tryService({ root, context, image, folder: join(root, '../project'), tell })

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
