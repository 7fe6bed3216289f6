// Envs that fail, through the built command. Needs dist/.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from './folders.ts'
import { runCommand } from './processes.ts'

const folder = freshFolder()

interface Failing {
  readonly make?: string
  /** Runs at every step; `this.steps` counts those of the env, over all its episodes. */
  readonly step?: string
  readonly reward?: string
}

function experimentFile({ make = '', step = '', reward = '1' }: Failing): string {
  return `import { experiment, impala } from 'millrace'
    class Failing {
      static id = 'Failing-v0'
      observationSpace = { kind: 'box', shape: [2], low: -1, high: 1 }
      actionSpace = { kind: 'discrete', n: 2 }
      steps = 0
      constructor() { ${make} }
      reset(observation) { observation.fill(0) }
      step(action, observation) {
        this.steps++
        ${step}
        return { reward: ${reward}, terminated: this.steps % 7 === 0, truncated: false }
      }
    }
    export default experiment({ env: Failing, algorithm: impala(), stop: { envSteps: 1_000_000 } })`
}

const inFunction = 'process.env.AWS_LAMBDA_FUNCTION_NAME'
const failThrice = (reason: string) =>
  new RegExp(
    `^error E_ROLLOUT: shard [01] failed 3 times in a row: ${reason}\\n  where: shard [01], lease [01]-\\d+, .*\\n$`,
  )

test.each<[string, Failing, RegExp]>([
  [
    'whose constructor throws',
    { make: `throw new Error('no licence')` },
    /^error E_ENV_CONFIG: Failing-v0 could not be made: Error: no licence\n {2}where: env Failing-v0\n$/,
  ],
  [
    'whose constructor throws in a function only',
    { make: `if (${inFunction}) throw new Error('no screen')` },
    failThrice('Failing-v0 could not be made: Error: no screen'),
  ],
  [
    'whose first step throws',
    { step: `throw new Error('the wheel fell off')` },
    failThrice(String.raw`Failing-v0 failed to step: Error: the wheel fell off \(env 0, episode step 0\)`),
  ],
  [
    'that observes NaN',
    { step: 'observation[1] = NaN' },
    failThrice(String.raw`Failing-v0 gave an observation of NaN at element 1 \(env 0, episode step 1\)`),
  ],
  [
    'that rewards NaN',
    { reward: '0 / 0' },
    failThrice(String.raw`Failing-v0 gave a reward of NaN \(env 0, episode step 1\)`),
  ],
])('an env %s ends the run with one sentence and leaves nothing behind', async (_, failing, sentence) => {
  writeFileSync(join(folder(), 'failing.js'), experimentFile(failing))
  const { code, out, err } = await runCommand(['train', 'failing.js'], { cwd: folder() })
  expect(err).toMatch(sentence)
  expect(code).toBe(1)
  expect(out + err).not.toMatch(/^\s+at /m)
  expect(existsSync(join(folder(), 'runs')) ? readdirSync(join(folder(), 'runs')) : []).toEqual([])
})

test('an env that fails for good after 100 steps ends the run, and what was learned until then is whole', async () => {
  writeFileSync(
    join(folder(), 'failing.js'),
    experimentFile({ step: `if (this.steps > 100) throw new Error('worn out')` }),
  )
  const { code, err } = await runCommand(['train', 'failing.js', '--out', 'run'], { cwd: folder() })
  expect(err).toMatch(failThrice(String.raw`Failing-v0 failed to step: Error: worn out \(env 0, episode step \d+\)`))
  expect(code).toBe(1)
  const lines = readFileSync(join(folder(), 'run', 'metrics.jsonl'), 'utf8').split('\n')
  expect(lines.pop()).toBe('')
  expect(lines.map((line) => (JSON.parse(line) as { updates: number }).updates)).toEqual(lines.map((__, n) => n + 1))
  expect(readdirSync(join(folder(), 'run')).toSorted()).toEqual([
    'checkpoints',
    'config.json',
    'experiment.mjs',
    'metrics.jsonl',
    'policy.json',
    'policy.onnx',
    'progress.json',
  ])
})
