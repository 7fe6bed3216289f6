import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EvaluateOptions, evaluate } from '../../library/evaluate.ts'
import { loadPolicy } from '../../library/policy.ts'
import { policy, runFolder, spec } from './runFolders.ts'

let cwd: string
let folder: string
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  folder = await runFolder(join(cwd, 'run'))
})
afterAll(() => rmSync(cwd, { recursive: true }))

test('a run folder, the bytes with their env and a loaded policy give the same episodes, and the numbers are theirs', async () => {
  const first = await evaluate(folder, { episodes: 20, seed: 3 })
  expect(first.episodes).toHaveLength(20)
  const returns = first.episodes.map((episode) => episode.return)
  expect(first.meanReturn).toBeCloseTo(returns.reduce((a, b) => a + b) / 20)
  expect([first.minReturn, first.maxReturn]).toEqual([Math.min(...returns), Math.max(...returns)])
  expect(first.standardDeviation).toBeGreaterThan(0)
  expect(await evaluate({ policy, spec }, { episodes: 20, seed: 3, env: 'CartPole-v1' })).toEqual(first)
  await using loaded = await loadPolicy(folder)
  expect(await evaluate(loaded, { episodes: 20, seed: 3, env: 'CartPole-v1' })).toEqual(first)
  expect((await evaluate(folder, { episodes: 20, seed: 4 })).episodes).not.toEqual(first.episodes)
})

test('a signal ends it with its reason', async () => {
  const reason = new Error('enough')
  await expect(evaluate(folder, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const controller = new AbortController()
  setImmediate(() => controller.abort(reason))
  await expect(evaluate(folder, { episodes: 100_000, signal: controller.signal })).rejects.toBe(reason)
})

test('wrong options, a policy without an env, and one of another env are each a sentence with a code', async () => {
  const cases: [EvaluateOptions | Record<string, unknown>, string, RegExp][] = [
    [{ episodes: 0 }, 'E_USAGE', /^evaluate\.episodes: /],
    [{ episode: 5 }, 'E_USAGE', /^evaluate has no field 'episode'; did you mean 'episodes'\?$/],
    [{ signal: {} }, 'E_USAGE', /^evaluate\.signal: /],
    [{ env: 5 }, 'E_USAGE', /^evaluate\.env: expected an env id/],
    [{ env: 'CartPol-v1' }, 'E_ENV_UNKNOWN', /did you mean 'CartPole-v1'/],
    [
      { env: 'MountainCar-v0' },
      'E_POLICY_SPEC',
      /it is for observations of shape \[4\] and 2 actions, the env has observations of shape \[2\] and 3 actions$/,
    ],
  ]
  for (const [options, code, message] of cases)
    await expect(evaluate(folder, options as EvaluateOptions), String(message)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  await expect(evaluate({ policy, spec })).rejects.toMatchObject({
    code: 'E_USAGE',
    message: expect.stringContaining('name it: evaluate(policy, { env })'),
  })
  await expect(evaluate(undefined as never)).rejects.toMatchObject({ code: 'E_USAGE' })
  await expect(evaluate(folder, null as never)).rejects.toMatchObject({ code: 'E_USAGE' })
})
