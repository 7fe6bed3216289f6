// Training and evaluation play alike, through the built command. Needs dist/.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from './folders.ts'
import { runCommand } from './processes.ts'

const folder = freshFolder()
const EPISODES = 2_000

test('a policy that never changes has the same mean episode length in training and in sampled evaluation', async () => {
  const options = { cwd: folder() }
  const settings = ['algorithm.learningRate=0', 'stop.envSteps=100000', 'stop.meanReturn=600']
  const trained = await runCommand(['train', 'cartpole', '--quiet', '--out', 'run', ...settings], options)
  expect(trained).toMatchObject({ code: 2, err: '' })
  const { progress } = JSON.parse(readFileSync(join(folder(), 'run', 'summary.json'), 'utf8')) as {
    progress: { envSteps: number; episodes: number }
  }
  const evaluated = await runCommand(['evaluate', 'run', '--stochastic', '--episodes', String(EPISODES)], options)
  const [, mean, deviation] = /^mean return ([\d.]+) ± ([\d.]+) over/m.exec(evaluated.out)!.map(Number)
  // CartPole rewards each step with 1. Five standard errors of the difference; the seeds are fixed.
  const error = deviation! * Math.sqrt(1 / EPISODES + 1 / progress.episodes)
  expect(Math.abs(progress.envSteps / progress.episodes - mean!)).toBeLessThan(5 * error)
})
