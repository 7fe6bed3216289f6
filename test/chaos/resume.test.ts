// Training processes that are killed, and go on from their folders. Needs dist/.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { Random } from '../../shared/random.ts'
import { freshFolder } from './folders.ts'
import { runCommand, startCommand, startNode, until } from './processes.ts'

const folder = freshFolder()
const KILLS = 5

interface Line {
  readonly updates: number
  readonly envSteps: number
  readonly trainedSteps: number
  readonly atMs: number
  readonly episodes: number
}

const read = (...path: string[]): string => readFileSync(join(folder(), ...path), 'utf8')
const linesOf = (run: string) =>
  read(run, 'metrics.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
const summaryOf = (run: string) =>
  JSON.parse(read(run, 'summary.json')) as {
    attempt: number
    reason: string
    progress: Line & { costUsd: number }
    costByPart: Record<string, number>
  }

/** One line an update, from 1, and no clock goes back. */
function expectWhole(lines: readonly Line[]): void {
  expect(lines.map(({ updates }) => updates)).toEqual(lines.map((_, n) => n + 1))
  for (const clock of ['envSteps', 'trainedSteps', 'atMs', 'episodes'] as const) {
    const values = lines.map((line) => line[clock])
    expect(values, clock).toEqual(values.toSorted((a, b) => a - b))
  }
}

test('killed at five random moments, a run goes on to its goal: clocks, cost, curve and metrics have neither gap nor overlap', async () => {
  const seed = Number(process.env['MILLRACE_CHAOS_SEED'] ?? Date.now() % 100_000)
  const random = new Random(seed)
  const options = { cwd: folder() }
  // A goal that it does not reach between the kills.
  const set = ['--set', 'stop.meanReturn=1000', '--set', 'rollouts.shards=1', '--checkpoint-seconds', '1']
  let cost = 0
  let elapsed = 0
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const args =
        kill === 0
          ? ['train', 'cartpole', '--out', 'run', ...set]
          : ['train', '--resume', 'run', '--checkpoint-seconds', '1']
      const run = startCommand(args, options)
      // Its last line may be half of one: the process was killed.
      const before = kill === 0 ? 0 : read('run', 'metrics.jsonl').split('\n').length - 1
      // The first checkpoint of an attempt comes within its first second.
      await until('it has trained', () => checkpoints('run').at(-1)! > before || undefined)
      await pause(random.integer(400))
      run.child.kill('SIGKILL')
      await run.ended
      const standing = JSON.parse(read('run', 'progress.json')) as {
        attempt: number
        progress: { costUsd: number; atMs: number }
      }
      expect(standing.progress.costUsd).toBeGreaterThan(cost)
      expect(standing.progress.atMs).toBeGreaterThan(elapsed)
      cost = standing.progress.costUsd
      elapsed = standing.progress.atMs
    }
    const last = await runCommand(['train', '--resume', 'run', '--set', 'stop.meanReturn=60'], options)
    expect(last.err).toBe('')
    expect(last.code).toBe(0)
    const lines = linesOf('run')
    expectWhole(lines)
    const summary = summaryOf('run')
    expect(summary).toMatchObject({ attempt: KILLS + 1, reason: 'meanReturn' })
    expect(summary.progress.costUsd).toBeGreaterThan(cost)
    expect(summary.progress.atMs).toBeGreaterThan(elapsed)
    // What was spent after a checkpoint is in it, where a kill came late enough after one.
    const parts = Object.values(summary.costByPart).reduce((sum, usd) => sum + usd, 0)
    expect(parts).toBeCloseTo(summary.progress.costUsd, 6)
    const steps = read('run', 'curve.csv')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((row) => Number(row.split(',')[0]))
    expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b))
    const known = new Set(lines.map(({ envSteps }) => envSteps))
    expect(steps.every((at) => known.has(at))).toBe(true)
    expect(readdirSync(join(folder(), 'run')).filter((name) => name.startsWith('.'))).toEqual([])
    const again = await runCommand(['train', '--resume', 'run', 'stop.meanReturn=60'], options)
    expect(again.out).toContain('this run is over')
    expect(again.code).toBe(0)
  } catch (error) {
    throw new Error(`MILLRACE_CHAOS_SEED=${seed} npx vitest run --project chaos test/chaos/resume.test.ts`, {
      cause: error,
    })
  }
})

function checkpoints(run: string): number[] {
  try {
    return [
      -1,
      ...readdirSync(join(folder(), run, 'checkpoints')).map((name) => Number(/^\d+/.exec(name)?.[0] ?? -1)),
    ].toSorted((a, b) => a - b)
  } catch {
    return [-1]
  }
}

test('a program of 15 lines trains, prints progress, is aborted by a signal and goes on from the folder', async () => {
  const program = `import { experiment, impala, train } from 'millrace'

const cartpole = experiment({
  env: 'CartPole-v1',
  algorithm: impala({ learningRate: 2e-3 }),
  stop: { meanReturn: 40 },
})
const stopping = new AbortController()
const onProgress = ({ updates, meanReturn }) => {
  console.log('update', updates, 'mean return', meanReturn)
  if (updates >= 5) stopping.abort()
}
const first = await train(cartpole, { runFolder: 'run', signal: stopping.signal, onProgress })
const { summary, policy } = await train(cartpole, { runFolder: 'run', resume: true })
console.log(first.summary.reason, summary.reason, policy.byteLength > 0)
`
  expect(program.trimEnd().split('\n').length).toBeLessThanOrEqual(16)
  writeFileSync(join(folder(), 'program.mjs'), program)
  mkdirSync(join(folder(), 'node_modules'))
  symlinkSync(packageRoot(), join(folder(), 'node_modules/millrace'))
  const run = startNode(['program.mjs'], { cwd: folder() })
  expect(await run.ended, run.err()).toBe(0)
  expect(run.out()).toMatch(/^update 0 mean return null\n/)
  expect(run.out()).toMatch(/interrupted meanReturn true\n$/)
  expectWhole(linesOf('run'))
  expect(summaryOf('run')).toMatchObject({ attempt: 2, reason: 'meanReturn' })
})

test('of two runs that begin in one folder at once, one is refused, and the other is whole', async () => {
  const begin = (seed: string) =>
    runCommand(['train', 'cartpole', '--quiet', '--out', 'same', '--seed', seed, 'stop.envSteps=5000'], {
      cwd: folder(),
    })
  const both = await Promise.all(['1', '2'].map(begin))
  const refused = both.filter(({ err }) => err !== '')
  expect(refused).toHaveLength(1)
  expect(refused[0]?.err).toMatch(/^error E_RUN_FOLDER: (another run is at work in|the run folder) /)
  expect(both.map(({ code }) => code)).toContain(2) // 5,000 env steps are not enough for 475
  expect(summaryOf('same').reason).toBe('envSteps')
  const evaluated = await runCommand(['evaluate', 'same', '--episodes', '2'], { cwd: folder() })
  expect(evaluated.code).toBe(0)
})

test('on a file system that is read-only, that is what is said', async (context) => {
  const place = join(folder(), 'ro')
  mkdirSync(place)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', place], { stdio: 'ignore' })
  } catch {
    return context.skip('no rights to mount')
  }
  try {
    const { err } = await runCommand(['train', 'cartpole', '--quiet'], { cwd: place })
    expect(err).toMatch(/^error E_DISK: cannot make .*runs: the file system is read-only\n/)
  } finally {
    execFileSync('umount', [place])
  }
})

test('a deterministic run that was killed is the run that was not: the same policy and the same metrics lines', async () => {
  const options = { cwd: folder() }
  const set = ['--set', 'algorithm.deterministic=true', '--set', 'stop.envSteps=60000', '--set', 'stop.meanReturn=1000']
  expect(await runCommand(['train', 'cartpole', '--quiet', '--out', 'calm', ...set], options)).toMatchObject({
    code: 2,
  })
  const run = startCommand(['train', 'cartpole', '--out', 'killed', ...set, '--checkpoint-seconds', '1'], options)
  await until('a checkpoint', () => checkpoints('killed').at(-1)! > 1 || undefined)
  run.child.kill('SIGKILL')
  await run.ended
  expect(await runCommand(['train', '--resume', 'killed', '--quiet'], options)).toMatchObject({ code: 2 })
  const linesWithoutTime = (name: string) => linesOf(name).map((line) => ({ ...line, atMs: 0 }))
  expect(linesWithoutTime('killed')).toEqual(linesWithoutTime('calm'))
  expect(readFileSync(join(folder(), 'killed', 'policy.onnx'))).toEqual(
    readFileSync(join(folder(), 'calm', 'policy.onnx')),
  )
})
