// What a user can get wrong and test/artefact/cli.test.ts does not have, through the built command. Needs dist/.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { elsewhereCloud } from './elsewhereCloud.ts'
import { freshFolder } from './folders.ts'
import { runCommand } from './processes.ts'

const folder = freshFolder()

const withFields = (fields: string) =>
  `import { experiment, impala } from 'millrace'\nexport default experiment({ env: 'CartPole-v1', algorithm: impala(), ${fields} })`

const BYTE_ACTIONS = `import { experiment, impala } from 'millrace'
  class Arm {
    static id = 'Arm-v0'
    observationSpace = { kind: 'box', shape: [2], low: -1, high: 1 }
    actionSpace = { kind: 'box', shape: [2], low: 0, high: 9, dtype: 'uint8' }
    reset() {}
    step() { return { reward: 0, terminated: false, truncated: false } }
  }
  export default experiment({ env: Arm, algorithm: impala() })`

test.each<[string, string, readonly string[], RegExp]>([
  ['an unknown field', withFields('rollout: {}'), [], /^error E_EXPERIMENT: .*'rollout'.*did you mean 'rollouts'\?\n/],
  [
    'an unknown field of a part',
    withFields('rollouts: { envPerShard: 4 }'),
    [],
    /^error E_EXPERIMENT: .*envPerShard.*did you mean '(rollouts\.)?envsPerShard'\?\n/,
  ],
  [
    'a value that is none',
    withFields('rollouts: { shards: 0 }'),
    [],
    /^error E_EXPERIMENT: .*rollouts\.shards.*>=\s*1.*\n/,
  ],
  ['no experiment in the file', 'export const answer = 42', [], /^error E_EXPERIMENT: .*bad\.js.*\n/],
  ['an import that is not there', `import 'nowhere-at-all'`, [], /^error E_EXPERIMENT: .*nowhere-at-all.*\n/],
  ['a file that throws', `throw new Error('not today')`, [], /^error E_EXPERIMENT: .*not today.*\n/],
  [
    'a --set of a part that is not there',
    withFields(''),
    ['--set', 'rollout.shards=4'],
    /^error E_EXPERIMENT: .*did you mean 'rollouts'\?\n/,
  ],
  [
    'an action space that no network fits',
    BYTE_ACTIONS,
    [],
    /^error E_POLICY_SPEC: no policy fits this environment: its actions are Box\(\[2\], 0\.\.9, uint8\), .*\n/,
  ],
])('%s is one sentence and status 1, and nothing is written', async (_, text, args, sentence) => {
  writeFileSync(join(folder(), 'bad.js'), text)
  const { code, out, err } = await runCommand(['train', 'bad.js', ...args], { cwd: folder() })
  expect(err).toMatch(sentence)
  expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(2) // the sentence, and where
  expect(out + err).not.toMatch(/^\s+at /m)
  expect(code).toBe(1)
  const runs = readdirSync(folder()).includes('runs') ? readdirSync(join(folder(), 'runs')) : []
  expect(runs).toEqual([])
})

test('a cloud on a port in use says so', async () => {
  const cloud = await elsewhereCloud(folder())
  try {
    const { port } = new URL(cloud.endpoint)
    const { code, out, err } = await runCommand(['cloud', '--port', port], { cwd: folder() })
    expect(err).toMatch(new RegExp(`^error E_PORT: .*${port}.*\n$`, 's'))
    expect({ code, out }).toEqual({ code: 1, out: '' })
  } finally {
    await cloud.close()
  }
})

test('functions on another machine are not sent to a bucket and a queue of this one', async () => {
  const variables = { AWS_ENDPOINT_URL_LAMBDA: 'https://lambda.eu-west-1.amazonaws.com' }
  const { code, err } = await runCommand(['train', 'cartpole'], { cwd: folder(), variables })
  expect(err).toBe(
    'error E_USAGE: functions at https://lambda.eu-west-1.amazonaws.com cannot reach S3 and SQS on this machine; set AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL_SQS as well\n',
  )
  expect(code).toBe(64)
  expect(readdirSync(folder())).toEqual([])
})

test.each(['train cartpole', 'cloud --port 0'])(
  'an endpoint variable that is no address is named by millrace %s',
  async (line) => {
    const variables = { AWS_ENDPOINT_URL_SQS: 'localhost:4566' }
    const { code, err } = await runCommand(line.split(' '), { cwd: folder(), variables })
    expect(err).toBe(
      "error E_USAGE: AWS_ENDPOINT_URL_SQS is 'localhost:4566'; it has to be an address like http://127.0.0.1:4566\n",
    )
    expect(code).toBe(64)
  },
)

test.each(['S3', 'SQS'])('a cloud that was ended and whose variable %s outlived it is asked after', async (service) => {
  const variables = { [`AWS_ENDPOINT_URL_${service}`]: 'http://127.0.0.1:9' }
  const { code, err } = await runCommand(['train', 'cartpole'], { cwd: folder(), variables })
  expect(err).toMatch(
    /^error E_AWS: cannot make .* at http:\/\/127\.0\.0\.1:9: nothing answers at 127\.0\.0\.1:9; is 'millrace cloud' running\?\n$/,
  )
  expect(code).toBe(1)
})

test('a disk that fills up under a run ends it with one sentence, and every line there is whole', async (context) => {
  const disk = join(folder(), 'disk')
  mkdirSync(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160k', 'none', disk], { stdio: 'ignore' })
  } catch {
    context.skip('this machine lets nobody mount a small disk')
  }
  try {
    const args = ['train', 'cartpole', '--out', 'disk/run', '--set', 'stop.meanReturn=1000']
    const { code, out, err } = await runCommand(args, { cwd: folder() })
    expect(err).toMatch(/^error E_DISK: cannot write .*(metrics\.jsonl|progress\.json): the disk is full\n$/)
    expect(out + err).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
    const lines = readFileSync(join(disk, 'run', 'metrics.jsonl'), 'utf8').split('\n')
    expect(lines.pop()).toBe('')
    for (const line of lines) JSON.parse(line)
  } finally {
    execFileSync('umount', [disk])
  }
})
