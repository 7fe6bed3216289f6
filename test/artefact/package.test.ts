import { execFileSync } from 'node:child_process'
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
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'

// The package as a user gets it: packed, unpacked elsewhere, with its declared dependencies and nothing else of this tree.
// Needs dist/ as `npm run build` makes it.

const root = packageRoot()
const project = mkdtempSync(join(tmpdir(), 'millrace-user-'))
const installed = join(project, 'node_modules/millrace')
const run = (command: string, args: string[], cwd = project): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })

beforeAll(() => {
  run('npm', ['pack', '--silent', '--pack-destination', project], root)
  const tarball = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? ''
  mkdirSync(installed, { recursive: true })
  run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed])
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  for (const name of transitive(Object.keys(dependencies))) {
    mkdirSync(join(project, 'node_modules', name, '..'), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name))
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
}, 120_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

function transitive(names: readonly string[], seen = new Set<string>()): Set<string> {
  for (const name of names) {
    if (seen.has(name)) continue
    const manifest = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>
    }
    seen.add(name)
    transitive(Object.keys(manifest.dependencies ?? {}), seen)
  }
  return seen
}

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
import { gradients } from 'millrace/tensor'
import { localCloud } from 'millrace/local-cloud'
export const used: unknown[] = [train, makeVectorEnv, decodeBatch, Plan, mermaid, gradients, localCloud]
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
        typeRoots: [join(root, 'node_modules/@types')],
      },
      include: ['*.ts'],
    }),
  )
  cpSync(join(root, 'node_modules/undici-types'), join(project, 'node_modules/undici-types'), { recursive: true })
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
  const command = join(installed, 'cli/bin.mjs')
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
      /^(dist|docs|examples|templates|infra\/learner)[/.]|^(package\.json|cli\/bin\.mjs|README\.md|LICENSE)$/,
    )
  // The bundled function is what a cold start reads.
  expect(sizes.get('dist/functions/rollout.mjs')).toBeLessThan(2_000_000)
})
