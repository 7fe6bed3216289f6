import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleEnvCode, loadExperiment } from '../../library/load/loadExperiment.ts'
import { serialCloud } from '../../infra/clouds/serial.ts'
import { RolloutSettings, StopSettings } from '../../learner/experiment.ts'
import { impala } from '../../learner/algorithms/impala.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { train } from '../../learner/run/service.ts'
import { asDefinition, envIds, makeVectorEnv } from '../../shared/env/index.ts'

const page = readFileSync(join(packageRoot(), 'docs/experiments.md'), 'utf8')

test('the page names every setting of an experiment and of IMPALA, with its default', () => {
  for (const name of Object.keys(RolloutSettings.shape)) expect(page).toContain(`\`rollouts.${name}\``)
  for (const name of Object.keys(StopSettings.shape)) expect(page).toContain(`\`stop.${name}\``)
  for (const name of Object.keys(impala().config)) expect(page).toMatch(new RegExp(`^\\|.*\`${name}\``, 'm'))
  const defaults = RolloutSettings.parse({})
  const row = (name: string, value: unknown): RegExp => new RegExp(`^\\| \`${name}\`\\s+\\| ${String(value)}\\s`, 'm')
  expect(page).toMatch(row('rollouts.shards', defaults.shards))
  expect(page).toMatch(row('rollouts.envsPerShard', defaults.envsPerShard))
  expect(page).toMatch(row('trainBatchSteps', impala().config['trainBatchSteps']))
})

test('the page names every built-in env, with its time limit', () => {
  for (const id of envIds()) {
    const row = page.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${id}\``)) ?? ''
    expect(row, id).not.toBe('')
    expect(row, id).toContain(String(asDefinition(id).maxEpisodeSteps ?? 'none'))
  }
})

test('the example of an own env on the page is solved as it stands', async () => {
  const code = /```ts\n([^]*?)```/.exec(page)?.[1] ?? ''
  const folder = mkdtempSync(join(tmpdir(), 'millrace-page-'))
  try {
    writeFileSync(join(folder, 'echo.ts'), code)
    const { experiment, file } = await loadExperiment('echo.ts', { cwd: folder })
    const cloud = serialCloud()
    const { summary } = await train(experiment, { run: 'echo', cloud, envCode: await bundleEnvCode(file) })
    await cloud.close()
    expect(summary.reason).toBe('meanReturn')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the example of an env that can be saved goes on as if nothing had been', async () => {
  const code = [...page.matchAll(/```ts\n([^]*?)```/g)]
    .map(([, block]) => block ?? '')
    .find((block) => /save\(\)/.test(block))
  const folder = mkdtempSync(join(tmpdir(), 'millrace-page-'))
  try {
    writeFileSync(join(folder, 'walk.ts'), code ?? '')
    const { experiment } = await loadExperiment('walk.ts', { cwd: folder })
    const [one, other] = [makeVectorEnv(experiment.env, { numEnvs: 3 }), makeVectorEnv(experiment.env, { numEnvs: 3 })]
    const step = (env: typeof one) => env.step(Int32Array.of(0, 1, 1))
    one.reset(1)
    for (let t = 0; t < 10; t++) step(one)
    const state = one.save?.()
    if (!state) throw new Error('it cannot be saved')
    other.reset(2)
    other.load?.(state)
    for (let t = 0; t < 100; t++) {
      step(one)
      step(other)
      expect(other.observations).toEqual(one.observations)
      expect(other.episodeLengths).toEqual(one.episodeLengths)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
