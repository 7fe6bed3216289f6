import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleForLearner } from '../../library/load/bundle.ts'
import { libraryEntries, libraryEntry } from '../../library/load/libraryEntries.ts'
import { bundleEnvCode, loadExperiment } from '../../library/load/loadExperiment.ts'
import { serialCloud } from '../../infra/clouds/serial.ts'
import { experimentHash } from '../../learner/checkpoint/checkpoint.ts'
import { settingsRecord } from '../../learner/run/files.ts'
import { loadExperimentModule } from '../../learner/stage/experimentModule.ts'
import { RolloutSettings, StopSettings, withOverrides } from '../../learner/experiment.ts'
import { impala } from '../../learner/algorithms/impala.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { train } from '../../learner/run/service.ts'
import { asDefinition, envIds, makeVectorEnv } from '../../shared/env/index.ts'

const page = readFileSync(join(packageRoot(), 'docs/experiments.md'), 'utf8')

/** The example that says this. */
const block = (words: RegExp): string =>
  [...page.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code ?? '').find((code) => words.test(code)) ?? ''

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
  const code = block(/class Echo/)
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
  const code = block(/save\(\)/)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-page-'))
  try {
    writeFileSync(join(folder, 'walk.ts'), code)
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

test('the network of the page learns as it stands, also at the learner of a stage, and is in the settings by its name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-page-'))
  try {
    writeFileSync(join(folder, 'skip.ts'), block(/millrace\/tensor/))
    const { experiment: here, file } = await loadExperiment('skip.ts', { cwd: folder })
    const entries = libraryEntries()
    const there = await loadExperimentModule(await bundleForLearner(file), {
      set: { 'stop.envSteps': '4096', 'algorithm.epochs': '1' },
      libraryEntry: (specifier) => libraryEntry(entries, specifier),
    })
    for (const experiment of [{ ...here, stop: there.stop }, there]) {
      const cloud = serialCloud()
      const { summary, policy } = await train(experiment, { run: 'skip', cloud })
      await cloud.close()
      expect(summary.progress.updates).toBe(2)
      expect(Buffer.from(policy).includes('trunk.wide.weight')).toBe(true)
      expect(settingsRecord(experiment, 'CartPole-v1').algorithm.config).toMatchObject({ network: 'function skip' })
    }
    expect(experimentHash(here)).toBe(experimentHash({ ...here }))
    expect(experimentHash(here)).not.toBe(experimentHash(withOverrides(here, { 'algorithm.hidden': '[3]' })))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
