import { expect, test } from 'vitest'
import { serialCloud } from '../../../infra/clouds/serial.ts'
import { ppo } from '../../../learner/algorithms/ppo.ts'
import { experiment } from '../../../learner/experiment.ts'
import { train } from '../../../learner/run/service.ts'
import { decodeBatch } from '../../../shared/batch/index.ts'
import { report } from '../../../cli/report.ts'
import { diverged as withBatch } from '../../../learner/training/divergence.ts'
import { columnOf } from '../../../shared/batch/columns.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { sampleFragment, withColumns } from '../../shared/batch/arbitrary.ts'

const rewarding = (reward: number) =>
  withColumns(sampleFragment({ T: 4, B: 3, D: 2 }, 1), { rewards: columnOf(new Float32Array(12).fill(reward), [4, 3]) })
const keep = async () => undefined
const withRewards = (error: unknown, fragments: readonly SampleBatch[], rewardScale: number) =>
  withBatch(error, { update: 7, fragments, rewardScale, keep })
const diverged = new MillraceError('E_TRAIN_DIVERGED', 'loss is NaN after an update', { metric: 'loss' })

test('large rewards are named as what makes an update diverge, with the rewardScale that helps', async () => {
  const error = await withRewards(diverged, [rewarding(3), rewarding(-1e20)], 1)
  expect(error).toMatchObject({
    code: 'E_TRAIN_DIVERGED',
    message: 'loss is NaN after an update; the rewards of its batch run from -1e20 to 3',
    where: { metric: 'loss', update: 7, largestReward: '1e20' },
  })
  expect(report(error).text).toContain("set the algorithm's rewardScale (rewardScale: 1e-20 makes them about 1)")
})

test('of small rewards, or large ones that are scaled, the learning rate is to blame', async () => {
  for (const error of [
    await withRewards(diverged, [rewarding(1)], 1),
    await withRewards(diverged, [rewarding(1e6)], 1e-6),
  ])
    expect(report(error).text).toContain('try a smaller learning rate')
  expect(await withRewards(diverged, [rewarding(1e6)], 1e-6)).toMatchObject({
    message: expect.stringContaining('run from 1e6 to 1e6, before they are multiplied by rewardScale 1e-6'),
  })
})

test('any other error stays as it is', async () => {
  const other = new MillraceError('E_ENGINE', 'gone')
  expect(await withRewards(other, [rewarding(1)], 1)).toBe(other)
})

test('a batch that cannot be kept does not hide why it was to be', async () => {
  const failing = async () => await Promise.reject(new Error('the disk is full'))
  const error = await withBatch(diverged, { update: 7, fragments: [rewarding(1)], rewardScale: 1, keep: failing })
  expect(error).toMatchObject({
    code: 'E_TRAIN_DIVERGED',
    message: expect.stringMatching(/^loss is NaN.*; the batch of update 7 could not be kept: Error: the disk is full$/),
  })
})

const overflowing = (shards: number) =>
  experiment({
    env: 'CartPole-v1',
    algorithm: ppo({ rewardScale: 1e30, trainBatchSteps: 64, minibatchSteps: 32 }),
    rollouts: { shards, envsPerShard: 4, fragmentLength: 8 },
  })

test.each([1, 2])(
  'a run that diverges names what gave the NaN, and keeps the batch as it was, of %i shards',
  async (shards) => {
    const cloud = serialCloud()
    const kept: { batch: SampleBatch; update: number }[] = []
    const keepDiverged = async (bytes: Uint8Array, update: number) => {
      kept.push({ batch: decodeBatch(bytes), update })
      return 'diverged/update-1.safetensors'
    }
    const running = train(overflowing(shards), { run: 'run', cloud, keepDiverged })
    await expect(running).rejects.toMatchObject({
      code: 'E_TRAIN_DIVERGED',
      message: expect.stringMatching(
        /^ppo: \w+ is (NaN|-?Infinity) after an update \(graph '\w+' of call 'update'\); .*the rewards of its batch run from 1 to 1, before .* rewardScale 1e30; the batch of update 1 is kept in diverged\/update-1\.safetensors$/,
      ),
      where: {
        algorithm: 'ppo',
        call: 'update',
        graph: expect.stringMatching(/^(advantages|surrogate)$/),
        update: 1,
        value: expect.stringMatching(/^(NaN|-?Infinity)$/),
        columns: expect.stringMatching(/^observations -?[\d.]+ to [\d.]+; .*rewards 1(;|$)/),
      },
    })
    await cloud.close()
    expect(kept).toHaveLength(1)
    const { batch } = kept[0]!
    expect(batch.columns['rewards']?.shape).toEqual([8, 8])
    expect(batch.provenance.envSteps).toBe(64)
    expect(batch.notes).toMatchObject({
      algorithm: 'ppo',
      update: '1',
      fragments: expect.stringMatching(/^0\/\S+ \d\/\S+$/),
    })
  },
)
