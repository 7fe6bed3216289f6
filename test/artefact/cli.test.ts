// The built command as a process of its own, started from a folder that is not Millrace's. Needs dist/ (npm run bundle).
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const main = join(packageRoot(), 'dist/cli/main.js')

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
  readonly firstOutputMs: number
}

/** Runs the command; `onOutput` may send it a signal. */
function millrace(
  args: readonly string[],
  onOutput: (out: string, kill: (signal: 'SIGINT') => void) => void = () => {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    let firstOutputMs = Infinity
    let out = ''
    let err = ''
    const env = { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: '1', CI: '1' }
    const child = spawn(process.execPath, [main, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      firstOutputMs = Math.min(firstOutputMs, performance.now() - startedAt)
      out += text
      onOutput(out, (signal) => child.kill(signal))
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err, firstOutputMs }))
  })
}

const onlyRun = () => join(cwd, 'runs', readdirSync(join(cwd, 'runs'))[0] ?? 'there is no run')

describe('the built command', () => {
  const LOOP = "{ console.log('it begins'); for (;;); }"
  const env = (method: string) =>
    `import { impala } from 'millrace'
     export default { algorithm: impala(), env: class Lane {
       observationSpace = { kind: 'discrete', n: 2 }
       actionSpace = { kind: 'discrete', n: 2 }
       reset(o) { o[0] = 0 }
       step(a, o) { o[0] = 0; return { reward: 0, terminated: true, truncated: false } }
       ${method} ${LOOP}
     } }`
  test.each([
    ['a module, as it is loaded,', LOOP],
    ["an env's constructor", env('constructor()')],
    ["an env's close", env('close()')],
    ['a handler of the exit', `process.on('exit', () => ${LOOP})`],
  ])('%s that loops can be ended by Ctrl-C, and leaves nothing in the temporary folder', async (_, text) => {
    writeFileSync(join(cwd, 'loops.ts'), text)
    const temporary = join(cwd, 'tmp')
    mkdirSync(temporary)
    const variables = { ...process.env, NODE_OPTIONS: '', TMPDIR: temporary }
    const child = spawn(process.execPath, [main, 'train', 'loops.ts'], {
      cwd,
      env: variables,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    child.stdout.on('data', (text: Buffer) => text.includes('it begins') && child.kill('SIGINT'))
    const signal = await new Promise((resolve) => child.on('close', (_code, by) => resolve(by)))
    expect(signal).toBe('SIGINT')
    expect(readdirSync(temporary)).toEqual([])
  })

  test('helps, and completes in bash by what it says itself', async () => {
    expect(await millrace([])).toMatchObject({ code: 0, err: '', out: expect.stringContaining('On this machine:') })
    expect(await millrace(['trian'])).toMatchObject({ code: 64, err: expect.stringContaining("did you mean 'train'?") })
    mkdirSync(join(cwd, 'runs/a'), { recursive: true })
    writeFileSync(join(cwd, 'runs/a/policy.json'), '{}')
    writeFileSync(join(cwd, 'millrace'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 })
    const script = `source <(./millrace completion bash); COMP_WORDS=("$@"); COMP_CWORD=2; _millrace; printf '%s|' "\${COMPREPLY[@]}"`
    const complete = (...words: string[]) =>
      spawnSync('bash', ['--norc', '-c', script, 'bash', './millrace', ...words], { cwd, encoding: 'utf8' }).stdout
    expect(complete('evaluate', '')).toBe('runs/a|')
    expect(complete('train', '--se')).toBe('--seed|--set|--serial|')
  })

  test('trains an example, prints a first line within a second and no escape codes, and evaluates what it trained', async () => {
    const trained = await millrace(['train', 'cartpole', '--set', 'stop.envSteps=20000'])
    expect(trained.err).toBe('')
    expect(trained.code).toBe(2) // 20,000 env steps are not enough for 475
    expect(trained.firstOutputMs).toBeLessThan(1000)
    expect(trained.out).toMatch(/^millrace \d+\.\d+\.\d+: loading cartpole\n/)
    expect(trained.out).not.toContain('\x1b')
    const folder = onlyRun()
    const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { updates: number }).updates)).toEqual(lines.map((_, n) => n + 1))
    expect(JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'))).toMatchObject({
      reason: 'envSteps',
      goalReached: false,
    })
    const evaluated = await millrace(['evaluate', folder, '--episodes', '5'])
    expect(evaluated).toMatchObject({ code: 0, err: '' })
    expect(evaluated.out).toMatch(
      /\nmean return [\d.]+ ± [\d.]+ over 5 episodes, min [\d.]+, max [\d.]+, mean length [\d.]+\n$/,
    )
  })

  test("a user's own env, a class in a TypeScript file, runs in the functions and is evaluated without the file", async () => {
    writeFileSync(
      join(cwd, 'own.ts'),
      `import { experiment, impala, type Env, type Random, type StepOutcome } from 'millrace'
       class Short implements Env {
         static readonly id = 'Short-v0'
         readonly observationSpace = { kind: 'box', shape: [2], low: -1, high: 1 } as const
         readonly actionSpace = { kind: 'discrete', n: 2 } as const
         private left = 0
         reset(observation: Float32Array, random: Random): void {
           this.left = 5
           observation.fill(random.uniform())
         }
         step(action: number | Float32Array): StepOutcome {
           this.left--
           return { reward: action === 1 ? 1 : 0, terminated: this.left === 0, truncated: false }
         }
       }
       export default experiment({ env: Short, algorithm: impala(), stop: { envSteps: 5000 } })`,
    )
    const trained = await millrace(['train', 'own'])
    expect(trained).toMatchObject({ code: 0, err: '' })
    rmSync(join(cwd, 'own.ts'))
    const evaluated = await millrace(['evaluate', onlyRun(), '--episodes', '3'])
    expect(evaluated).toMatchObject({ code: 0, err: '' })
    expect(evaluated.out).toContain('mean length 5')
  })

  test('Ctrl-C ends a run cleanly: status 130, every line whole, the policy there', async () => {
    let sent = false
    const { code, out, err } = await millrace(['train', 'cartpole', '--set', 'stop.meanReturn=1000'], (seen, kill) => {
      if (sent || !/updates [1-9]/.test(seen)) return
      sent = true
      kill('SIGINT')
    })
    expect({ code, err }).toEqual({ code: 130, err: '' })
    expect(out).toContain('Ended by an interruption, before the goal of 1,000.')
    const folder = onlyRun()
    const text = readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    expect(text.endsWith('\n')).toBe(true)
    for (const line of text.trimEnd().split('\n')) JSON.parse(line)
    expect(existsSync(join(folder, 'policy.onnx'))).toBe(true)
  })

  test('bad input is one sentence and a status, without a stack, and leaves nothing behind', async () => {
    writeFileSync(join(cwd, 'broken.ts'), 'export default (')
    writeFileSync(
      join(cwd, 'typo.ts'),
      `import { experiment, impala } from 'millrace'\nexport default experiment({ env: 'CartPol-v1', algorithm: impala() })`,
    )
    mkdirSync(join(cwd, 'full'))
    writeFileSync(join(cwd, 'full', 'file'), '')
    const before = readdirSync(cwd)
    const cases: [readonly string[], number, RegExp][] = [
      [['trai', 'x.ts'], 64, /^error E_USAGE: unknown command 'trai'; did you mean 'train'\? .*\n$/],
      [['train', 'missing.ts'], 1, /^error E_EXPERIMENT: there is no experiment file missing\.ts\n$/],
      [
        ['train', 'broken.ts'],
        1,
        /^error E_EXPERIMENT: broken\.ts:1:17: Unexpected end of file, in `export default \(`\n$/,
      ],
      [['train', 'typo.ts'], 1, /^error E_ENV_UNKNOWN: there is no env 'CartPol-v1'; did you mean 'CartPole-v1'\?\n/],
      [
        ['train', 'cartpole', '--set', 'algorithm.learningrate=1'],
        1,
        /^error E_EXPERIMENT: .*did you mean 'learningRate'\?\n$/,
      ],
      [
        ['train', 'cartpole', '--out', 'full'],
        1,
        /^error E_RUN_FOLDER: the run folder .*full is not empty; name another one with --out\n$/,
      ],
      [
        ['train', 'cartpole', '--out', 'full/file/run'],
        1,
        /^error E_RUN_FOLDER: cannot make .*: a part of the path is a file, not a folder\n$/,
      ],
      [['evaluate', 'full'], 1, /^error E_RUN_FOLDER: full holds no policy: there is no policy\.json in it\n$/],
    ]
    for (const [args, code, sentence] of cases) {
      const ended = await millrace(args)
      expect(ended.err).toMatch(sentence)
      expect({ args, code: ended.code }).toEqual({ args, code })
    }
    expect(readdirSync(cwd)).toEqual(before)
  })

  test('graph draws the plan of an experiment', async () => {
    expect((await millrace(['graph', 'cartpole', '--format', 'mermaid'])).out).toMatch(/^flowchart /)
    expect(JSON.parse((await millrace(['graph', 'cartpole', '--format', 'json'])).out)).toMatchObject({
      name: 'impala',
    })
  })
})
