import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleEnvCode, loadExperiment } from '../../library/load/loadExperiment.ts'
import { serialCloud } from '../../infra/clouds/serial.ts'
import { RolloutSettings, StopSettings } from '../../learner/experiment.ts'
import { impala } from '../../learner/algorithms/impala.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { train } from '../../learner/service.ts'

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
