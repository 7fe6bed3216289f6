import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { evaluateCommand, resultLine } from '../../cli/commands/evaluate.ts'
import { writeResult } from '../../library/run/records.ts'
import { createRunFolder } from '../../library/run/runFolder.ts'
import { experiment, type Experiment } from '../../learner/experiment.ts'
import type { PolicySpec } from '../../shared/policy/index.ts'
import { FakeHost } from './fakeHost.ts'
import { fakeAlgorithm } from './fixtures/library.ts'
import { summaryAt } from './runs.ts'

const model = readFileSync(fileURLToPath(new URL('../golden/policies/cartpole-4-64-64-2.onnx', import.meta.url)))
const spec: PolicySpec = {
  observation: { shape: [4] },
  action: { kind: 'discrete', n: 2 },
  distribution: 'categorical',
}

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

async function trained(env = 'CartPole-v1', ownEnv = false): Promise<string> {
  const made: Experiment = experiment({ env, algorithm: fakeAlgorithm() })
  const folder = await createRunFolder(join(cwd, 'run'))
  await writeResult(folder, { summary: summaryAt(40), policy: model, spec }, { env, experiment: made, ownEnv })
  return folder.path
}

async function evaluate(changes: { folder?: string; episodes?: number; seed?: number; stochastic?: boolean } = {}) {
  const host = new FakeHost(cwd)
  const options = { folder: 'run', episodes: 20, seed: 0, stochastic: false, ...changes }
  const exitCode = await evaluateCommand(options, host)
  expect(host.openHandles).toBe(0)
  return { exitCode, text: host.out.text }
}

describe('millrace evaluate', () => {
  test('runs the policy of a run folder and prints mean, deviation, minimum and maximum', async () => {
    await trained()
    const { exitCode, text } = await evaluate()
    expect(exitCode).toBe(0)
    expect(text).toMatch(/^CartPole-v1, policy version 40 of cartpole-20261121-090000-1, likeliest actions, seed 0\n/)
    expect(text).toMatch(
      /\nmean return [\d.]+ ± [\d.]+ over 20 episodes, min [\d.]+, max [\d.]+, mean length [\d.]+\n$/,
    )
  })

  test('the same seed gives the same episodes, another seed others; sampled actions are others again', async () => {
    await trained()
    const first = (await evaluate()).text
    expect((await evaluate()).text).toBe(first)
    const results = [first, (await evaluate({ seed: 1 })).text, (await evaluate({ stochastic: true })).text]
    expect(new Set(results.map((text) => text.split('\n')[1])).size).toBe(3)
  })

  test("a user's own env comes from the run folder", async () => {
    const folder = await trained('Short-v0', true)
    await expect(evaluate()).rejects.toMatchObject({
      code: 'E_RUN_FOLDER',
      message: expect.stringContaining("the code of env 'Short-v0' is not there"),
    })
    writeFileSync(
      join(folder, 'experiment.mjs'),
      `class Short {
         observationSpace = { kind: 'box', shape: [4], low: -1, high: 1 }
         actionSpace = { kind: 'discrete', n: 2 }
         reset(observation) { this.left = 3; observation.fill(0.5) }
         step(action, observation) { observation.fill(0); this.left--; return { reward: 2, terminated: this.left === 0, truncated: false } }
       }
       export default { env: { id: 'Short-v0', make: () => new Short() } }`,
    )
    expect((await evaluate({ episodes: 5 })).text).toContain(
      'mean return 6 ± 0 over 5 episodes, min 6, max 6, mean length 3',
    )
  })

  test('a folder without a policy, or with files that do not belong together, is refused in a sentence', async () => {
    const folder = await trained()
    await expect(evaluate({ folder: 'rum' })).rejects.toMatchObject({
      code: 'E_RUN_FOLDER',
      message: 'there is no run folder rum; did you mean run?',
    })
    await expect(evaluate({ folder: '.' })).rejects.toMatchObject({
      message: '. holds no policy: there is no policy.json in it',
    })
    writeFileSync(join(folder, 'policy.onnx'), 'another')
    await expect(evaluate()).rejects.toMatchObject({
      message: expect.stringMatching(/policy\.json is not about the policy\.onnx beside it$/),
    })
    writeFileSync(join(folder, 'policy.json'), '{"format": 2}')
    await expect(evaluate()).rejects.toMatchObject({
      message: expect.stringMatching(/is not the description of a policy$/),
    })
    writeFileSync(join(folder, 'policy.json'), '{')
    await expect(evaluate()).rejects.toMatchObject({
      code: 'E_RUN_FOLDER',
      message: expect.stringMatching(/is not JSON$/),
    })
    rmSync(join(folder, 'policy.onnx'))
    cpSync(fileURLToPath(import.meta.url), join(folder, 'policy.json'))
    await expect(evaluate()).rejects.toMatchObject({ code: 'E_RUN_FOLDER' })
  })
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s ends it with status %i, however long its episodes', async (signal, status) => {
  const folder = await trained('Endless-v0', true)
  const host = new FakeHost(cwd)
  Object.assign(globalThis, { onEndlessStep: () => host.signal(signal) })
  writeFileSync(
    join(folder, 'experiment.mjs'),
    `let steps = 0
     class Endless {
       observationSpace = { kind: 'box', shape: [4], low: -1, high: 1 }
       actionSpace = { kind: 'discrete', n: 2 }
       reset() {}
       step() { if (++steps === 100) onEndlessStep(); return { reward: 1, terminated: false, truncated: false } }
     }
     export default { env: { id: 'Endless-v0', make: () => new Endless() } }`,
  )
  const options = { folder: 'run', episodes: 1, seed: 0, stochastic: false }
  expect(await evaluateCommand(options, host)).toBe(status)
  expect({ text: host.out.text, open: host.openHandles }).toEqual({ text: '', open: 0 })
})

test('the deviation is the sample deviation, and one episode has none', () => {
  const episodes = [1, 2, 3, 4].map((r) => ({ return: r, length: r }))
  expect(resultLine(episodes, '±')).toBe('mean return 2.5 ± 1.3 over 4 episodes, min 1, max 4, mean length 2.5')
  expect(resultLine(episodes.slice(0, 1), '±')).toBe('mean return 1 ± 0 over 1 episode, min 1, max 1, mean length 1')
})
