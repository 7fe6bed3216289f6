// More functions than can run at once, and more shards than functions, on the emulated cloud. Needs dist/.
import { expect, test } from 'vitest'
import cartpole from '../../examples/cartpole.ts'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { withOverrides } from '../../learner/experiment.ts'
import { parseInvocation } from '../../shared/protocol/invocation.ts'
import { train } from '../../learner/run/service.ts'

test(
  '16 functions at concurrency 10 reach their goal: they take turns, which is told once',
  { timeout: 120_000 },
  async () => {
    const setting = withOverrides(cartpole, {
      'algorithm.deterministic': 'false',
      'rollouts.shards': '16',
      'rollouts.functions': '16',
      'rollouts.envsPerShard': '4',
      'rollouts.leaseSeconds': '2',
      'stop.meanReturn': '195',
    })
    const cloud = await emulatedRunCloud({ accountConcurrency: 10 })
    const events: string[] = []
    const shards = new Set<number>()
    let most = 0
    try {
      const { summary } = await train(setting, {
        run: 'turns',
        cloud: {
          ...cloud,
          invoker: {
            async invoke(payload) {
              for (const { shard } of parseInvocation(JSON.parse(new TextDecoder().decode(payload)))) shards.add(shard)
              return await cloud.invoker.invoke(payload)
            },
          },
        },
        observer: {
          onEvent: ({ text }) => events.push(text),
          onProgress: ({ functionsInFlight }) => (most = Math.max(most, functionsInFlight)),
        },
      })
      expect(summary.reason).toBe('meanReturn')
      expect(summary.progress.dropped).toMatchObject({ duplicate: 0, corrupt: 0, foreign: 0 })
    } finally {
      await cloud.close()
    }
    expect({ most, shards: shards.size }).toEqual({ most: 10, shards: 16 })
    expect(events).toEqual([
      expect.stringContaining('16 functions, and 10 run at once (emulated cloud): they take turns'),
    ])
  },
)
