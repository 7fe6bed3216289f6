// A3C and DD-PPO as a whole, in one process.
import { describe, expect, test } from 'vitest'
import { serialCloud } from '../../../infra/clouds/serial.ts'
import type { Algorithm } from '../../../learner/algorithm.ts'
import { a3c } from '../../../learner/algorithms/a3c.ts'
import { ddppo } from '../../../learner/algorithms/ddppo.ts'
import { experiment } from '../../../learner/experiment.ts'
import type { UpdateLine } from '../../../learner/run/observer.ts'
import type { RunCloud } from '../../../learner/run/cloud.ts'
import { train } from '../../../learner/run/service.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { type FragmentMessage, parseMessage } from '../../../shared/protocol/message.ts'

const SIZES = { shards: 3, envsPerShard: 4, fragmentLength: 8 }

async function runOf(algorithm: Algorithm, rollouts: object = {}) {
  const cloud = serialCloud()
  const lines: UpdateLine[] = []
  const sent: FragmentMessage[] = []
  const one = experiment({
    env: 'CartPole-v1',
    algorithm,
    rollouts: { ...SIZES, ...rollouts },
    stop: { envSteps: 1920 },
  })
  const seen: RunCloud = {
    ...cloud,
    queue: {
      ...cloud.queue,
      async receive(options) {
        const messages = await cloud.queue.receive(options)
        for (const { body } of messages) {
          const message = parseMessage(body)
          if (message.kind === 'fragment') sent.push(message)
        }
        return messages
      },
    },
  }
  const { policy } = await train(one, { run: 'run', cloud: seen, observer: { onUpdate: (line) => lines.push(line) } })
  await cloud.close()
  return { hash: sha256Hex(policy), lines, sent }
}

describe('A3C', () => {
  test('a function goes on with the weights that its own last gradient was applied to (RLlib Flow’s Q8 trains one behind), and every delay is logged', async () => {
    const { lines, sent } = await runOf(a3c({ hidden: [8] }))
    expect(lines.length).toBeGreaterThanOrEqual(1920 / 32)
    const applied = new Map<number, number>()
    let delayed = 0
    lines.forEach(({ lag }, update) => {
      // Gradients are applied in the order in which they come.
      const { shard, policyVersion } = sent[update] as FragmentMessage
      expect(policyVersion).toBeGreaterThanOrEqual(applied.get(shard) ?? 0)
      expect(lag).toEqual({ min: update - policyVersion, mean: update - policyVersion, max: update - policyVersion })
      delayed += lag.max
      applied.set(shard, update + 1)
    })
    expect(delayed).toBeGreaterThan(0)
  })

  test('in deterministic mode a gradient is of the weights at the beginning of its round', async () => {
    const { lines } = await runOf(a3c({ hidden: [8], deterministic: true }))
    lines.forEach(({ lag }, update) => expect(lag.max).toBe(update % SIZES.shards))
  })
})

describe('DD-PPO', () => {
  const algorithm = ddppo({ hidden: [8], epochs: 2, minibatchSteps: 16 })
  const rounds = 2 * (32 / 16)

  test('every gradient is of the newest weights, and steps count once', async () => {
    const { lines, sent } = await runOf(algorithm)
    for (const { lag } of lines) expect(lag.max).toBe(0)
    for (const { sequence, policyVersion, envSteps } of sent) {
      expect(policyVersion).toBe(sequence)
      expect(envSteps).toBe(sequence % rounds === 0 ? 32 : 0)
    }
    lines.forEach(({ envSteps }, update) => expect(envSteps).toBe((Math.floor(update / rounds) + 1) * 96))
  })
})

test.each([
  ['A3C', a3c({ hidden: [8], deterministic: true })],
  ['DD-PPO', ddppo({ hidden: [8], epochs: 2, minibatchSteps: 16 })],
])('%s comes to the same policy whatever the number of functions', async (_, algorithm) => {
  const { hash } = await runOf(algorithm)
  expect((await runOf(algorithm, { functions: 1 })).hash).toBe(hash)
  expect((await runOf(algorithm, { functions: 2 })).hash).toBe(hash)
})
