import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, inject, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { run as runIn, tried } from './installed.ts'

// The package as a user gets it: packed, and installed by npm elsewhere with its declared dependencies and nothing else of this tree.

const root = packageRoot()
const project = mkdtempSync(join(inject('userProject'), 'package-'))
const installed = join(inject('userProject'), 'node_modules/millrace')
const command = join(installed, 'cli/bin.mjs')
const run = (program: string, args: string[]): string => runIn(program, args, project)

afterAll(() => rmSync(project, { recursive: true, force: true }))

const EXPERIMENT = `
import { experiment, impala, type Env, type StepOutcome } from 'millrace'
import type { Random } from 'millrace/env'

/** Says left or right; the same answer is right. Ten steps an episode. */
class Echo implements Env {
  static readonly maxEpisodeSteps = 10
  readonly observationSpace = { kind: 'discrete', n: 2 } as const
  readonly actionSpace = { kind: 'discrete', n: 2 } as const
  private random: Random | undefined
  private said = 0
  reset(observation: Float32Array, random: Random): void {
    this.random = random
    this.speak(observation)
  }
  step(action: number | Float32Array, observation: Float32Array): StepOutcome {
    const reward = action === this.said ? 1 : 0
    this.speak(observation)
    return { reward, terminated: false, truncated: false }
  }
  private speak(observation: Float32Array): void {
    this.said = this.random?.integer(2) ?? 0
    observation[0] = this.said
  }
}

export default experiment({
  env: Echo,
  algorithm: impala({ learningRate: 5e-3, gamma: 0.9, trainBatchSteps: 320, deterministic: true }),
  rollouts: { shards: 2, envsPerShard: 16, fragmentLength: 10 },
  stop: { meanReturn: 9.5, envSteps: 100_000 },
})
`

test('every entry point of the exports map loads, and its types compile in a strict project', () => {
  writeFileSync(join(project, 'echo.ts'), EXPERIMENT)
  writeFileSync(
    join(project, 'use.ts'),
    `import { train, type RunSummary } from 'millrace'
import { makeVectorEnv } from 'millrace/env'
import { decodeBatch } from 'millrace/batch'
import { Plan, mermaid } from 'millrace/flow'
import { algorithm } from 'millrace/algorithm'
import { gradients } from 'millrace/tensor'
import { localCloud } from 'millrace/local-cloud'
import { loadPolicy } from 'millrace/policy'
export const used: unknown[] = [train, makeVectorEnv, decodeBatch, Plan, mermaid, algorithm, gradients, localCloud, loadPolicy]
export type Used = RunSummary
`,
  )
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023', 'esnext.disposable'],
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        types: ['node'],
      },
      include: ['*.ts'],
    }),
  )
  run('node', [join(root, 'node_modules/typescript/bin/tsc'), '-p', project])
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>
  }
  const names = Object.keys(exports)
    // The component of sst.config.ts lives on SST's globals; test/deploy loads it where they are.
    .filter((name) => name !== './package.json' && name !== './sst')
    .map((name) => name.replace('.', 'millrace'))
  const loaded = run('node', [
    '--input-type=module',
    '-e',
    `for (const n of ${JSON.stringify(names)}) console.log(n, Object.keys(await import(n)).length > 0)`,
  ])
  expect(loaded.trim().split('\n')).toEqual(names.map((name) => `${name} true`))
})

test('the installed command trains a user experiment with an env of its own, and evaluates what it exported', () => {
  writeFileSync(join(project, 'echo.ts'), EXPERIMENT)
  expect(run('node', [command, '--version']).trim()).toMatch(/\d+\.\d+\.\d+/)
  expect(run('node', [command, 'train', 'echo.ts', '--out', 'run'])).toContain('Reached a mean return of')
  expect(run('node', [command, 'evaluate', 'run', '--episodes', '20'])).toMatch(/10/)
})

test('the package holds what runs and nothing else', () => {
  const sizes = new Map<string, number>()
  for (const entry of readdirSync(installed, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      sizes.set(
        join(entry.parentPath, entry.name).slice(installed.length + 1),
        statSync(join(entry.parentPath, entry.name)).size,
      )
  }
  for (const file of sizes.keys())
    expect(file).toMatch(
      /^(dist|docs|examples|templates|infra\/learner)[/.]|^(package\.json|cli\/(bin|preinstall)\.mjs|README\.md|LICENSE)$/,
    )
  // The bundled function is what a cold start reads.
  expect(sizes.get('dist/functions/rollout.mjs')).toBeLessThan(2_000_000)
})

test('no line of it fills a terminal when Node prints the line that threw', () => {
  const code = readdirSync(join(installed, 'dist'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && /\.m?js$/.test(entry.name),
  )
  expect(code.length).toBeGreaterThan(20)
  for (const { parentPath, name } of code) {
    const lines = readFileSync(join(parentPath, name), 'utf8').split('\n')
    // esbuild breaks lines, but not the strings of AWS's clients in them.
    expect(Math.max(...lines.map((line) => line.length)), name).toBeLessThan(2500)
  }
})

test('an uncaught error of a wrong call is a MillraceError; with --enable-source-maps its stack names the sources', () => {
  const program = `import { loadPolicy } from 'millrace'\nawait loadPolicy(7)\n`
  writeFileSync(join(project, 'wrong.mjs'), program)
  const { status, err } = tried('node', ['--enable-source-maps', 'wrong.mjs'], project)
  expect(status).toBe(1)
  expect(err).toContain('MillraceError: loadPolicy takes a run folder')
  expect(err).toMatch(/library\/policySource\.ts:\d+:\d+/)
  for (const line of err.split('\n')) expect(line.length).toBeLessThan(400)
})

test('an import of what is not there gets one sentence: the nearest name, the file and the line', () => {
  const cases: [string, string][] = [
    [
      `import { experiment, impalla } from 'millrace'\nexport default experiment({ env: 'CartPole-v1', algorithm: impalla() })`,
      `1:22: 'millrace' exports no 'impalla'; did you mean 'impala'?`,
    ],
    [
      `import { experiment } from 'millrace'\nimport { sarsa } from 'millrace'\nexport default experiment({ env: 'CartPole-v1', algorithm: sarsa() })`,
      `2:10: 'millrace' exports no 'sarsa'; it has `,
    ],
    [
      `import { Plan, algorithm } from 'millrace/flow'\nexport default algorithm(Plan)`,
      `1:16: 'millrace/flow' exports no 'algorithm'; it is in 'millrace/algorithm'`,
    ],
    [
      `import x from 'millrace/polcy'\nexport default x`,
      `1:15: millrace has no entry 'millrace/polcy'; did you mean 'millrace/policy'?`,
    ],
    [`import x from 'milrace'\nexport default x`, `1:15: Could not resolve "milrace"; did you mean 'millrace'?`],
  ]
  for (const [source, sentence] of cases) {
    writeFileSync(join(project, 'mine.ts'), source)
    const { status, err } = tried('node', [command, 'train', 'mine.ts'], project)
    expect(err).toContain(`error E_EXPERIMENT: mine.ts:${sentence}`)
    expect({ status, lines: err.trimEnd().split('\n').length }).toEqual({ status: 1, lines: 1 })
  }
})

test("npm's install scripts fetched nothing from elsewhere, and a package that was packed empty refuses to be installed", () => {
  const runtime = join(installed, '../onnxruntime-node/bin/napi-v6/linux/x64')
  if (process.platform === 'linux' && process.arch === 'x64')
    expect(readFileSync(join(runtime, 'libonnxruntime_providers_cuda.so'), 'utf8')).toMatch(/^Not installed: /)
  mkdirSync(join(project, 'empty/cli'), { recursive: true })
  for (const name of ['cli/bin.mjs', 'cli/preinstall.mjs'])
    writeFileSync(join(project, 'empty', name), readFileSync(join(installed, name)))
  for (const name of ['cli/bin.mjs', 'cli/preinstall.mjs']) {
    const { status, err } = tried('node', [join(project, 'empty', name)], project)
    expect(err).toMatch(/^error: this package of Millrace is empty: .*npm run pack makes a whole one\n$/)
    expect(status).toBe(1)
  }
})

test('npm run pack in a fresh clone builds, and gives the whole package', () => {
  const clone = mkdtempSync(join(tmpdir(), 'millrace-clone-'))
  try {
    const left = /[\\/](node_modules|dist|\.git|\.sst|\.millrace|runs)$/
    cpSync(root, clone, { recursive: true, filter: (path) => !left.test(path) })
    symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
    runIn('npm', ['run', '-s', 'pack', '--', '--silent'], clone)
    const tarball = readdirSync(clone).find((name) => name.endsWith('.tgz')) ?? 'there is no tarball'
    // A chunk is named by its content, which names the place of linked packages.
    const list = (file: string) =>
      runIn('tar', ['-tzf', file], clone)
        .replaceAll(/-[A-Z0-9]{8}\.(m?js)/g, '.$1')
        .trim()
        .split('\n')
        .toSorted()
    expect(list(join(clone, tarball))).toEqual(list(inject('tarball')))
    // Two thirds of it are source maps and types.
    expect(statSync(join(clone, tarball)).size).toBeLessThan(6e6)
  } finally {
    rmSync(clone, { recursive: true, force: true })
  }
})
