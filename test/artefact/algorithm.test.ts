import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { run as runIn, tried } from './installed.ts'

// docs/algorithms/write-your-own.md as it stands, in a project that installed the packed package: type-checked strictly, then trained.

const user = inject('userProject')
const project = mkdtempSync(join(user, 'algorithm-'))
const millrace = join(user, 'node_modules/millrace/cli/bin.mjs')
afterAll(() => rmSync(project, { recursive: true, force: true }))

const page = readFileSync(join(packageRoot(), 'docs/algorithms/write-your-own.md'), 'utf8')
const files = new Map(
  Array.from(page.matchAll(/^```ts\n(\/\/ (\w+\.ts)\n[^]*?)^```$/gm), ([, code = '', name = '']) => [name, code]),
)

const write = (name: string, code: string) => writeFileSync(join(project, name), code)
const code = (name: string) => files.get(name) ?? `the page has no ${name}`
const ofMine = (name: string, more: string) => `import { experiment } from 'millrace'
import { ${name} } from './${name}.ts'
${more}`

/** Trains an experiment of the project. */
function train(file: string, ...settings: string[]) {
  const out = file.replace('.ts', '')
  rmSync(join(project, out), { recursive: true, force: true })
  const { status, err } = tried('node', [millrace, 'train', file, '--quiet', '--out', out, ...settings], project)
  return { status, err, summary: () => JSON.parse(readFileSync(join(project, out, 'summary.json'), 'utf8')) as Summary }
}

interface Summary {
  readonly reason: string
  readonly progress: { readonly envSteps: number; readonly meanReturn: number }
}

beforeAll(() => {
  symlinkSync(join(user, 'node_modules'), join(project, 'node_modules'))
  for (const [name, text] of files) write(name, text)
  write(
    'imitate.ts',
    ofMine(
      'weighted',
      `export default experiment({ env: 'CartPole-v1', algorithm: weighted(), stop: { envSteps: 20_000 } })`,
    ),
  )
})

test('the page has the algorithm, the change of loss and the plan', () => {
  expect([...files.keys()]).toEqual(['reinforce.ts', 'cartpole.ts', 'weighted.ts', 'novelty.ts', 'lake.ts'])
})

test('its files are types of a strict project, with declarations', () => {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    allowImportingTsExtensions: true,
    declaration: true,
    emitDeclarationOnly: true,
    outDir: 'types',
  }
  write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  runIn('node', [join(user, 'node_modules/typescript/bin/tsc'), '-p', project], project)
})

test('REINFORCE with a baseline learns CartPole', () => {
  const { status, err, summary } = train('cartpole.ts', 'stop.meanReturn=150', 'stop.envSteps=150000')
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(summary().progress.meanReturn).toBeGreaterThanOrEqual(150)
})

test('another loss on the same plan trains', () => {
  const { status, err, summary } = train('imitate.ts')
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(summary().progress.meanReturn).toBeGreaterThan(25) // 21 by chance
})

test('a plan with an operator of its own is drawn, and learns FrozenLake', () => {
  const drawn = runIn('node', [millrace, 'graph', 'lake.ts'], project)
  expect(drawn).toMatch(/gatherSync.*\n.*inOrder.*\n.*noveltyBonus +weight 0\.1, cell 1\n.*concatBatches/)
  const { status, err } = train('lake.ts', 'stop.meanReturn=0.4', 'stop.envSteps=150000')
  expect({ status, err }).toEqual({ status: 0, err: '' })
})

test('a run of an own algorithm repeats bit for bit, and goes on from its checkpoint', () => {
  const policy = (out: string) => readFileSync(join(project, out, 'policy.onnx'))
  expect(train('cartpole.ts', 'stop.meanReturn=500', 'stop.envSteps=6000').status).toBe(2)
  const first = policy('cartpole')
  expect(train('cartpole.ts', 'stop.meanReturn=500', 'stop.envSteps=6000').status).toBe(2)
  expect(policy('cartpole').equals(first)).toBe(true)
  const more = ['--resume', 'cartpole', '--set', 'stop.envSteps=9000', '--quiet']
  expect(tried('node', [millrace, 'train', ...more], project)).toMatchObject({ status: 2, err: '' })
  expect(policy('cartpole').equals(first)).toBe(false)
})

test('an own algorithm and an own env may share a file', () => {
  const echo = `import type { Env, Random, StepOutcome } from 'millrace'
class Echo implements Env {
  static readonly maxEpisodeSteps = 10
  readonly observationSpace = { kind: 'discrete', n: 2 } as const
  readonly actionSpace = { kind: 'discrete', n: 2 } as const
  private random: Random | undefined
  private said = 0
  reset(observation: Float32Array, random: Random): void {
    this.random = random
    observation[0] = this.said = this.random.integer(2)
  }
  step(action: number | Float32Array, observation: Float32Array): StepOutcome {
    const reward = action === this.said ? 1 : 0
    observation[0] = this.said = this.random?.integer(2) ?? 0
    return { reward, terminated: false, truncated: false }
  }
}
export default experiment({ env: Echo, algorithm: reinforce({ gamma: 0.5 }), stop: { meanReturn: 9, envSteps: 50_000 } })`
  write('echo.ts', ofMine('reinforce', echo))
  expect(train('echo.ts')).toMatchObject({ status: 0, err: '' })
})

test.each([
  ['.via(publishPolicy())', '', /E_PLAN_SHAPE: the plan of reinforce publishes no policy/],
  [
    'reduceMean(square(sub(returns, values)))',
    'square(sub(returns, values))',
    /E_GRAPH: program: a loss is \[512\], expected one number/,
  ],
  [
    'batch.actions), advantages',
    'batch.actions), batch.rewards',
    /E_GRAPH: mul: cannot broadcast 512 with 16.*\n +at .*slip\.ts:\d+/,
  ],
  ["run: 'reinforce'", "run: 'reinfoce'", /E_GRAPH: program: call 'update' runs 'reinfoce', which is no graph of it/],
  [
    "{ default: { sets: ['policy']",
    "{ main: { sets: ['policy']",
    /E_GRAPH: program: functions act by the policy 'default', which there is not; there are main/,
  ],
  [
    '...synchronous,',
    '...synchronous,\n  fragmentsPerUpdate: () => 7,',
    /E_ENGINE: .*another number of fragments than fragmentsPerUpdate says/,
  ],
  [
    'const network =',
    '(c as unknown as { x: { y: number } }).x.y\n    const network =',
    /E_EXPERIMENT: reinforce: its program threw TypeError: .*\n +at .*slip\.ts:\d+/,
  ],
])('a slip is told to its author: %s', (from, to, sentence) => {
  expect(code('reinforce.ts')).toContain(from)
  write('slip.ts', code('reinforce.ts').replace(from, to))
  write('slipped.ts', code('cartpole.ts').replace('./reinforce.ts', './slip.ts'))
  const { status, err } = train('slipped.ts', 'stop.seconds=20')
  expect(err).toMatch(sentence)
  expect(status).toBe(1)
})
