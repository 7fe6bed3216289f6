// A first day with Millrace, by the commands of the docs: init, an env that breaks in three ways, train, Ctrl-C, resume, evaluate, a handler.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, inject, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { run as runIn, tried as triedIn } from './installed.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-newcomer-'))
const project = join(folder, 'my-experiment')
const npxCache = { npm_config_cache: inject('npxCache') }
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const page = (name: string) => readFileSync(join(packageRoot(), name), 'utf8')
const run = (command: string) => runIn('bash', ['-c', command], project, npxCache)
const tried = (command: string) => triedIn('bash', ['-c', command], project, npxCache)

const dock = () => join(project, 'envs/dock.ts')
const change = (text: string, from: string, to: string) => {
  expect(text).toContain(from)
  writeFileSync(dock(), text.replace(from, to))
}
const STEP = '    this.speed += (Number(action) - 1) * THRUST\n'

/** What goes wrong in the env of a new project, and the message that its user reads: what, in which step, in which file and line. */
const broken: readonly (readonly [what: string, from: string, to: string, message: RegExp])[] = [
  [
    'it throws at step 31',
    STEP,
    `${STEP}    if (this.speed !== 0 && ++steps === 31) loseCraft()\n`,
    /^error E_ENV_STEP: Dock-v0 failed to step: Error: the craft is lost \(env \d+, episode step \d+\); the run is deterministic: a retry would repeat it\n {4}at loseCraft \(envs\/dock\.ts:\d+:\d+\)\n {4}at Dock\.step \(envs\/dock\.ts:\d+:\d+\)\n/m,
  ],
  [
    'it observes NaN',
    'observation[1] = this.speed',
    'observation[1] = Math.sqrt(-1 - this.speed ** 2)',
    /^error E_ENV_STEP: Dock-v0 gave an observation of NaN at element 1 \(env \d+, episode step 0\);/m,
  ],
  [
    'its reset is async',
    'reset(observation: Float32Array, random: Random): void {',
    'async reset(observation: Float32Array, random: Random) {',
    /^error E_ENV_STEP: Dock-v0 gave a Promise from reset/m,
  ],
]

test('a newcomer gets from the package to a handler that acts, and every mistake on the way names its place', async () => {
  expect(page('README.md')).toContain('.tgz millrace init my-experiment')
  runIn('npx', ['-y', '-p', inject('tarball'), 'millrace', 'init', 'my-experiment'], folder, npxCache)
  run('npm install --prefer-offline --no-audit --no-fund')

  const whole = readFileSync(dock(), 'utf8')
  for (const [what, from, to, message] of broken) {
    change(whole, from, to)
    if (to.includes('loseCraft()'))
      writeFileSync(
        dock(),
        `${readFileSync(dock(), 'utf8')}\nlet steps = 0\nfunction loseCraft(): never {\n  throw new Error('the craft is lost')\n}\n`,
      )
    const { status, err } = tried('npx millrace train experiment.ts')
    expect(err, what).toMatch(message)
    expect(err.match(/^error /gm), what).toHaveLength(1)
    expect(status, what).toBe(1)
    rmSync(join(project, 'runs'), { recursive: true, force: true })
  }

  // Mended, with a line that prints: it type-checks, and is shown while it trains.
  change(whole, '    this.speed = 0\n', `    this.speed = 0\n    console.log('away', this.distance)\n`)
  run('npm run typecheck')
  writeFileSync(
    dock(),
    whole.replace('    this.speed = 0\n', `    this.speed = 0\n    if (random.uniform() < 1e-3) console.log('away')\n`),
  )
  const interrupted = await interruptedRun(['train', 'experiment.ts', 'stop.meanReturn=1000'])
  expect(interrupted.status).toBe(130)
  expect(interrupted.out).toMatch(/^shard [01] \| away$/m)
  const goOn = /npx (millrace train --resume runs\/\S+)/.exec(interrupted.out)?.[1] ?? 'nothing says how to go on'
  expect(page('docs/cli.md')).toContain('millrace train --resume runs/')
  const [name = ''] = readdirSync(join(project, 'runs'))
  const { progress } = JSON.parse(readFileSync(join(project, 'runs', name, 'summary.json'), 'utf8')) as {
    progress: { envSteps: number }
  }
  const second = tried(`npx ${goOn} --set stop.envSteps=${progress.envSteps + 10_000}`)
  expect(second.out).toContain(', attempt 2, from update ')
  expect(second.out).toContain('Ended by the limit on env steps, before the goal of 1,000.')
  expect(second).toMatchObject({ status: 2, err: '' })

  const next = /npx millrace evaluate runs\/\S+/.exec(second.out)?.[0] ?? 'nothing says how to evaluate'
  expect(run(next)).toMatch(/^mean return [-\d.]+ ± [\d.]+ over 100 episodes/m)

  const handler = /### In an Express handler\n\n```ts\n([^]*?)```/.exec(page('docs/library.md'))?.[1] ?? ''
  writeFileSync(join(project, 'handler.mjs'), handler.replace('runs/cartpole', `runs/${name}`))
  symlinkSync(join(inject('userProject'), 'node_modules/express'), join(project, 'node_modules/express'))
  expect(await askHandler([0.7, 0])).toEqual({ action: expect.toBeOneOf([0, 1, 2]) })
}, 600_000)

/** A run that gets Ctrl-C, to it and its functions as a terminal sends it, once it has trained. */
function interruptedRun(args: readonly string[]): Promise<{ readonly status: number | null; readonly out: string }> {
  const main = join(project, 'node_modules/millrace/cli/bin.mjs')
  const env = { ...process.env, CI: '1', NODE_OPTIONS: '' }
  const child = spawn(process.execPath, [main, ...args], { cwd: project, env, detached: true })
  let out = ''
  let told = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    if (told || !/updates \d\d/.test(out) || !out.includes(' | away')) return
    told = true
    process.kill(-child.pid!, 'SIGINT')
  })
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, out })))
}

/** Starts handler.mjs on a free port, and asks it until it answers. */
async function askHandler(observation: readonly number[]): Promise<unknown> {
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const env = { ...process.env, PORT: String(port), NODE_OPTIONS: '' }
  const child = spawn(process.execPath, ['handler.mjs'], { cwd: project, env, stdio: 'inherit' })
  const ask = async (): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/act`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ observation }),
    })
    return await response.json()
  }
  try {
    await expect.poll(() => ask().then(Boolean, () => false), { timeout: 20_000 }).toBe(true)
    return await ask()
  } finally {
    child.kill()
  }
}
