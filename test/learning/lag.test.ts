import { expect, test } from 'vitest'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { impala } from '../../learner/algorithms/impala.ts'
import { experiment } from '../../learner/experiment.ts'
import type { UpdateLine } from '../../learner/run/observer.ts'
import { train } from '../../learner/run/service.ts'

// Every batch is of a policy exactly so many updates old. What V-trace is there for shows where it is left out.

async function trained(settings: Parameters<typeof impala>[0], envSteps: number, seed = 1) {
  const cloud = await emulatedRunCloud()
  const lines: UpdateLine[] = []
  try {
    const algorithm = impala({ deterministic: true, ...settings })
    const run = experiment({ env: 'CartPole-v1', algorithm, stop: { meanReturn: 475, envSteps }, seed })
    const { summary } = await train(run, { run: 'lag', cloud, observer: { onUpdate: (line) => lines.push(line) } })
    return { reached: summary.reason === 'meanReturn', meanReturn: summary.progress.meanReturn ?? 0, lines }
  } finally {
    await cloud.close()
  }
}

test.each([
  { lead: 0, maxPolicyLag: 0 },
  { lead: 1, maxPolicyLag: 1 },
  { lead: 4, maxPolicyLag: 4 },
])(
  'with V-trace and a lag of exactly $lead updates IMPALA solves CartPole within 400,000 env steps',
  async (settings) => {
    const { reached, lines } = await trained(settings, 400_000)
    expect(reached).toBe(true)
    for (const { lag, updates } of lines) {
      const exactly = Math.min(settings.lead, updates - 1)
      expect(lag).toEqual({ min: exactly, mean: exactly, max: exactly })
    }
  },
)

// The median of three seeds: the first is lucky.
test('without V-trace it does not at a lag of 4', async () => {
  const { reached } = await trained({ lead: 4, correction: 'none' }, 400_000, 2)
  expect(reached).toBe(false)
})
