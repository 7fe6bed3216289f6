// The learner's service in its container, with the emulated cloud in the place of AWS and a user's commands outside.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startContainer } from './machine.mjs'

const APP = 'image'
const STAGE = 'demo'

/** A program that runs, what it wrote so far, and a way to wait for either. */
export function watch(child) {
  const waiting = new Set()
  const running = { child, text: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece) => {
      running.text += piece
      for (const look of waiting) look()
    })
  }
  running.ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  /** @returns {Promise<RegExpExecArray>} rejects with all it wrote when it ends without */
  running.says = async (pattern) => {
    let look
    const said = new Promise((resolve) => {
      look = () => {
        const found = pattern.exec(running.text)
        if (found) resolve(found)
      }
    })
    waiting.add(look)
    look()
    const found = await Promise.race([said, running.ended.then(() => pattern.exec(running.text))])
    waiting.delete(look)
    if (found) return found
    throw new Error(`it ended without a word like ${pattern}:\n${running.text}`)
  }
  /** Its exit status, which has to be this one. */
  running.endsWith = async (expected) => {
    const code = await running.ended
    if (code !== expected) throw new Error(`it ended with ${code}, not ${expected}:\n${running.text}`)
  }
  return running
}

/** SIGTERM to the first process of a container, as Docker sends it: that is unshare's only child. */
export function terminate({ child }) {
  const first = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
  process.kill(Number(first), 'SIGTERM')
}

/** Trains on a stage with the container as its learner, then ends a learner in the middle of a run. */
export async function tryService({ root, context, image, folder, tell }) {
  mkdirSync(folder)
  writeFileSync(join(folder, 'millrace.settings.ts'), `export default { app: '${APP}', region: 'us-east-1' }\n`)
  let variables = {}
  const millrace = (...args) =>
    watch(
      spawn(process.execPath, [join(context, 'dist/cli/main.js'), ...args], {
        cwd: folder,
        env: { ...process.env, ...variables },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
  const learner = (...args) => {
    // The engine of another image has no GPU here to run on; everything around it is the same.
    const env = { ...variables, MILLRACE_ENGINE: 'onnxruntime-cpu' }
    return watch(startContainer(root, image, ['learner', '--parameter', `/millrace/${APP}/${STAGE}`, ...args], env))
  }

  const cloud = millrace('cloud', '--stage', STAGE, '--learner', 'none', '--port', '0')
  await cloud.says(/AWS_SECRET_ACCESS_KEY=\S+\n/)
  variables = Object.fromEntries(
    [...cloud.text.matchAll(/export (\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
  )

  const run = millrace('run', 'cartpole', '--stage', STAGE, '--out', 'out')
  await run.says(/on stage/)
  const once = learner('--once')
  await run.endsWith(0)
  await once.endsWith(0)
  tell(`millrace learner trains a run of a stage: ${/Reached a mean return.*/.exec(run.text)?.[0]}`)

  const endless = millrace(
    'run',
    'cartpole',
    '--stage',
    STAGE,
    '--set',
    'stop.meanReturn=1000',
    '--set',
    'stop.envSteps=1000000000',
  )
  const [, name] = await endless.says(/run (\S+) on stage/)
  const stopped = learner()
  await endless.says(/env steps/)
  terminate(stopped)
  await stopped.endsWith(0)
  const status = millrace('status', name, '--stage', STAGE, '--json')
  await status.endsWith(0)
  const updates = /"checkpoint":\s*\{[^}]*"updates":\s*(\d+)/.exec(status.text)?.[1]
  if (updates === undefined) throw new Error(`SIGTERM left no checkpoint:\n${stopped.text}\n${status.text}`)
  tell(`SIGTERM ends the learner cleanly, with a checkpoint after ${updates} updates`)
  for (const { child, ended } of [endless, cloud]) {
    child.kill('SIGINT')
    await ended
  }
}
