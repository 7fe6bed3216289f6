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
/** The error of an env that came back that often in a row on one shard, on stderr. */
const cameBack = (times: number | string, code: string, reason: string) =>
  new RegExp(
    `^error ${code}: ${reason}; (?:[^;]*; )?(shard [01] failed ${times} times|${times} leases) in a row( failed)?, from ${times} different seeds, .*\\n(?: {4}at .*\\n)* {2}where: .*shard [01], lease [01]-\\d+`,
  )

test.each<[string, Failing, RegExp]>([
  [
    'whose constructor throws',
    { make: `throw new Error('no licence')` },
    /^error E_ENV_CONFIG: Failing-v0 could not be made: Error: no licence\n {4}at new Failing \(failing\.js:7:\d+\)\n {2}where: env Failing-v0\n$/,
  ],
  [
    'whose constructor throws in a function only',
    { make: `if (${inFunction}) throw new Error('no screen')` },
    cameBack(2, 'E_ENV_CONFIG', 'Failing-v0 could not be made: Error: no screen'),
  ],
  [
    'whose first step throws',
    { step: `throw new Error('the wheel fell off')` },
    cameBack(
      3,
      'E_ENV_STEP',
      String.raw`Failing-v0 failed to step: Error: the wheel fell off \(env 0, episode step 0\)`,
    ),
  ],
  [
    'that observes NaN',
    { step: 'observation[1] = NaN' },
    cameBack(3, 'E_ENV_STEP', String.raw`Failing-v0 gave an observation of NaN at element 1 \(env 0, episode step 1\)`),
  ],
  [
    'that rewards NaN',
    { reward: '0 / 0' },
    cameBack(3, 'E_ENV_STEP', String.raw`Failing-v0 gave a reward of NaN \(env 0, episode step 1\)`),
  ],
])('an env %s ends the run with one sentence and leaves nothing behind', async (_, failing, sentence) => {
  writeFileSync(join(folder(), 'failing.js'), experimentFile(failing))
  const { code, out, err } = await runCommand(['train', 'failing.js'], { cwd: folder() })
  expect(err).toMatch(sentence)
  expect(code).toBe(1)
  expect(out + err).not.toMatch(/^\s+at (?!.*\(failing\.js:)/m)
  expect(existsSync(join(folder(), 'runs')) ? readdirSync(join(folder(), 'runs')) : []).toEqual([])
})

test('an env that fails for good after 100 steps ends the run, and what was learned until then is whole', async () => {
  writeFileSync(
    join(folder(), 'failing.js'),
    // The function's, not the env's: an env that failed is not used again.
    experimentFile({ step: `if ((globalThis.worn = (globalThis.worn ?? 0) + 1) > 3200) throw new Error('worn out')` }),
  )
  const { code, err } = await runCommand(['train', 'failing.js', '--out', 'run'], { cwd: folder() })
  expect(err).toMatch(
    cameBack('[456]', 'E_ENV_STEP', String.raw`Failing-v0 failed to step: Error: worn out \(env 0, episode step \d+\)`),
  )
  expect(code).toBe(1)
  const lines = readFileSync(join(folder(), 'run', 'metrics.jsonl'), 'utf8').split('\n')
  expect(lines.pop()).toBe('')
  expect(lines.map((line) => (JSON.parse(line) as { updates: number }).updates)).toEqual(lines.map((__, n) => n + 1))
  expect(readdirSync(join(folder(), 'run')).toSorted()).toEqual([
    'checkpoints',
    'config.json',
    'events.log',
    'experiment.mjs',
    'metrics.jsonl',
    'policy.json',
    'policy.onnx',
    'progress.json',
  ])
})

test('an env that always throws at step 31 ends the run soon, with one message, although each lease makes a fragment first', async () => {
  writeFileSync(
    join(folder(), 'failing.js'),
    experimentFile({ step: `if (this.steps === 31) { this.steps = 0; throw new Error('the wheel fell off') }` })
      .replace('this.steps % 7 === 0', 'false')
      .replace('reset(observation) {', 'reset(observation) { this.steps = 0;'),
  )
  const { code, out, err } = await runCommand(['train', 'failing.js', '--out', 'run'], { cwd: folder() })
  expect(code).toBe(1)
  expect(err).toMatch(
    cameBack(
      3,
      'E_ENV_STEP',
      String.raw`Failing-v0 failed to step: Error: the wheel fell off \(env 0, episode step 30\)`,
    ),
  )
  expect(err.match(/^error/gm)).toHaveLength(1)
  expect(out.match(/^warning.*the wheel fell off/gm)!.length).toBe(1)
  const events = readFileSync(join(folder(), 'run', 'events.log'), 'utf8')
    .trimEnd()
    .split('\n')
  expect(events.length).toBeGreaterThanOrEqual(2)
  expect(events.every((line) => line.includes('the wheel fell off'))).toBe(true)
})

test.each([[[]], [['--serial']], [['--debug']], [['--serial', '--debug']]])(
  'the error of an env names the lines of the user’s own file that threw, once, with %j',
  async (flags) => {
    const source = `${experimentFile({ step: 'if (this.steps === 31) loseWheel()' }).replace('this.steps % 7 === 0', 'false')}
function loseWheel(): never {
  throw new Error('the wheel fell off')
}
`
    const lineOf = (text: string) => source.split('\n').findIndex((line) => line.includes(text)) + 1
    writeFileSync(join(folder(), 'failing.ts'), source)
    const { code, out, err } = await runCommand(['train', 'failing.ts', '--out', 'run', ...flags], { cwd: folder() })
    expect(code).toBe(1)
    const [first, ...frames] = err.split('\n').slice(0, 3)
    expect(first).toMatch(/^error E_ENV_STEP: Failing-v0 failed to step: Error: the wheel fell off \(env 0, /)
    expect(frames).toEqual([
      expect.stringMatching(`^    at loseWheel \\(failing\\.ts:${lineOf('throw new')}:\\d+\\)$`),
      expect.stringMatching(`^    at Failing\\.step \\(failing\\.ts:${lineOf('=== 31')}:\\d+\\)$`),
    ])
    expect(err.match(/^error /gm)).toHaveLength(1)
    expect(out).not.toMatch(/^ +at /m)
  },
)

test('an env that fails now and then does not end the run: every retry has other seeds', async () => {
  writeFileSync(
    join(folder(), 'failing.js'),
    experimentFile({})
      .replace(
        'reset(observation) {',
        `reset(observation, random) { if (random.uniform() < 1 / 2000) throw new Error('damaged');`,
      )
      .replace('envSteps: 1_000_000', 'envSteps: 60_000'),
  )
  const { code, out, err } = await runCommand(['train', 'failing.js', '--out', 'run'], { cwd: folder() })
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out.match(/^warning.*damaged/gm)!.length).toBeLessThanOrEqual(2)
})

test.each([[[]], [['--serial']]])(
  'what an env writes reaches the terminal with its shard, and the folder whole %s',
  async (flags) => {
    writeFileSync(
      join(folder(), 'failing.js'),
      experimentFile({
        make: `console.log('made\\x1b[2J here'); this.n = 0`,
        step: `if (this.steps === 5) console.error('fifth')`,
      }).replace('envSteps: 1_000_000', 'envSteps: 6_000'),
    )
    const { code, out, err } = await runCommand(['train', 'failing.js', '--out', 'run', ...flags], { cwd: folder() })
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toMatch(/^shard [01] \| made here$/m)
    // Once the env is made by the command itself, before the run begins; that is as it was written.
    expect(
      out
        .split('\n')
        .filter((line) => line.startsWith('shard'))
        .join(''),
    ).not.toContain('\x1b')
    const lines = readFileSync(join(folder(), 'run', 'output.log'), 'utf8')
      .trimEnd()
      .split('\n')
    for (const shard of [0, 1]) {
      expect(lines.filter((line) => line === `shard ${shard} stdout | made\x1b[2J here`)).toHaveLength(8)
      expect(lines.filter((line) => line === `shard ${shard} stderr | fifth`)).toHaveLength(8)
    }
    const shown = out.match(/^shard [01] \| /gm)!.length
    const leftOut = [...out.matchAll(/^([\d,]+) lines? of env output not shown; all of it is in run\/output\.log$/gm)]
    expect(shown + leftOut.reduce((sum, [, n]) => sum + Number(n!.replaceAll(',', '')), 0)).toBe(lines.length)
  },
)
