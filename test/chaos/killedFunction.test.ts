// A whole run on the emulated cloud, one of whose functions is killed. Needs dist/.
import { expect, test } from 'vitest'
import cartpole from '../../examples/cartpole.ts'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { withOverrides } from '../../learner/experiment.ts'
import { train } from '../../learner/run/service.ts'
import { functionsOf, stillRunning, until } from './processes.ts'

test.each(['true', 'false'])(
  'a function killed in the middle of a run is replaced, and the run reaches its step count (deterministic: %s)',
  async (deterministic) => {
    const experiment = withOverrides(cartpole, {
      'stop.envSteps': '60000',
      'algorithm.deterministic': deterministic,
    })
    const cloud = await emulatedRunCloud()
    const seen = { before: [] as number[], after: [] as number[], updates: 0 }
    const warnings: string[] = []
    try {
      const { summary } = await train(experiment, {
        run: 'killed',
        cloud,
        observer: {
          onUpdate({ updates }) {
            if (updates === 20) {
              seen.before = functionsOf(process.pid)
              process.kill(seen.before[0] ?? 0, 'SIGKILL')
            }
            if (updates > 20 && warnings.length > 0 && seen.updates++ === 20) seen.after = functionsOf(process.pid)
          },
          onEvent: ({ text }) => void warnings.push(text),
        },
      })
      expect(summary.reason).toBe('envSteps')
      expect(summary.progress.envSteps).toBeGreaterThanOrEqual(60_000)
      expect(warnings).toEqual([
        expect.stringMatching(
          /^shard \d, lease \d-\d failed: the function ended with Runtime\.ExitError: Error: Runtime exited with error: signal: killed$/,
        ),
      ])
      expect(seen.before).toHaveLength(2)
      expect(seen.after).toHaveLength(2)
      expect(seen.after).toContain(seen.before[1])
      expect(seen.after).not.toContain(seen.before[0])
      expect(summary.progress.dropped).toMatchObject({ corrupt: 0, foreign: 0 })
    } finally {
      await cloud.close()
    }
    await until('every function is gone', () => stillRunning(seen.after).length === 0)
  },
)
