// Whatever function is faster, and in whatever order messages come: what is learned is the same, bit for bit.
import { expect, test } from 'vitest'
import { serialCloud } from '../../../infra/clouds/serial.ts'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { experiment } from '../../../learner/experiment.ts'
import { train } from '../../../learner/run/service.ts'
import type { BatchQueue, QueueMessage } from '../../../shared/cloud/ports.ts'
import { Random } from '../../../shared/random.ts'

/** A queue that gives what it has in an order of its own, holds some of it back for a while, and some of it twice. */
function shuffling(queue: BatchQueue, random: Random): BatchQueue {
  const held: QueueMessage[] = []
  return {
    ...queue,
    async receive({ max, waitMs, signal }) {
      held.push(...(await queue.receive({ max: 64, waitMs: held.length > 0 ? 0 : waitMs, ...(signal && { signal }) })))
      if (signal?.aborted) return []
      for (let i = held.length - 1; i > 0; i--) {
        const j = random.integer(i + 1)
        const [a, b] = [held[i], held[j]] as [QueueMessage, QueueMessage]
        held[i] = b
        held[j] = a
      }
      const given = held.splice(0, 1 + random.integer(Math.max(1, Math.min(max, held.length))))
      for (const message of given)
        if (random.uniform() < 0.2) held.push({ ...message, receipt: `${message.receipt}-again` })
      return given
    },
  }
}

const SMALL = { hidden: [8], trainBatchSteps: 96, minibatchSteps: 32, epochs: 2, deterministic: true }

async function weightsOf(name: keyof typeof ALGORITHMS, arrivals: number | undefined): Promise<string> {
  const cloud = serialCloud()
  const queue = arrivals === undefined ? cloud.queue : shuffling(cloud.queue, new Random(arrivals))
  const base = ALGORITHMS[name]()
  const known = Object.entries(SMALL).filter(([setting]) => setting in base.config || setting === 'hidden')
  const algorithm = base.withConfig({ ...base.config, ...Object.fromEntries(known) })
  const rollouts = { shards: 3, envsPerShard: 4, fragmentLength: 8, leaseSeconds: 1 }
  const run = experiment({ env: 'CartPole-v1', algorithm, rollouts, stop: { envSteps: 1_920 } })
  const { policy, summary } = await train(run, { run: 'run', cloud: { ...cloud, queue } })
  await cloud.close()
  expect(summary.progress.envSteps).toBeGreaterThanOrEqual(1_920)
  return Buffer.from(policy).toString('base64')
}

test.each(Object.keys(ALGORITHMS) as (keyof typeof ALGORITHMS)[])(
  '%s has the same weights from one seed whatever the order of arrival, with messages that come late and twice',
  async (name) => {
    const expected = await weightsOf(name, undefined)
    for (const arrivals of [1, 2, 3]) expect(await weightsOf(name, arrivals), `arrivals ${arrivals}`).toBe(expected)
  },
)
