import { expect, test } from 'vitest'
import { keys } from '../../../shared/protocol/keys.ts'
import { encodeManifest } from '../../../shared/protocol/manifest.ts'
import { RolloutWorker } from '../../../shared/rollout/index.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { cartPoleModel, drain, fragmentsOf, freshModel, leaseOf, opened, publish, work } from './leases.ts'

/** SHA-256 of every fragment body that a lease sends. */
async function bodies(lease = leaseOf(), worker = new RolloutWorker(), options: Parameters<typeof publish>[1] = {}) {
  const [store, queue] = [memoryStore(), memoryQueue()]
  await publish(store, { run: lease.run, ...options })
  const report = await work(lease, { store, queue, worker })
  const messages = await drain(queue)
  return { report, hashes: fragmentsOf(messages).map(({ sha256 }) => sha256), batches: await opened(messages, store) }
}

test('the same lease gives byte-identical fragments, in a cold function and in one that was warm with anything else', async () => {
  const cold = await bodies()
  const warm = new RolloutWorker()
  await bodies(leaseOf({ seed: 99, shard: 5, maxFragments: 2 }), warm)
  await bodies(leaseOf({ env: { id: 'CartPole-v1', config: {} }, numEnvs: 7 }), warm)
  expect((await bodies(leaseOf(), warm)).hashes).toEqual(cold.hashes)
  expect((await bodies(leaseOf(), warm)).hashes).toEqual(cold.hashes)
  expect(new Set(cold.hashes).size).toBe(3)
})

test('a retry gives other data than what failed, and another than the one before it; retry 0 is no retry', async () => {
  const first = await bodies()
  const [none, once, twice] = await Promise.all([0, 1, 2].map((retry) => bodies(leaseOf({ retry }))))
  expect(none!.hashes).toEqual(first.hashes)
  expect((await bodies(leaseOf({ retry: 1 }))).hashes).toEqual(once!.hashes)
  const observations = [first, once!, twice!].map(({ batches }) => String(batches[0]?.columns['observations']?.data))
  expect(new Set(observations).size).toBe(3)
})

test('the next lease of a shard, another shard, and another seed give other data', async () => {
  const first = await bodies()
  for (const other of [{ firstSequence: 3 }, { shard: 1 }, { seed: 8 }]) {
    const { batches } = await bodies(leaseOf(other))
    expect(batches[0]?.columns['observations']?.data).not.toEqual(first.batches[0]?.columns['observations']?.data)
  }
})

test('a policy that rides in the manifest and one that is read from the bucket give the same fragments', async () => {
  const inline = await bodies(leaseOf(), new RolloutWorker(), { inline: true })
  const bucket = await bodies(leaseOf(), new RolloutWorker(), { inline: false })
  expect(bucket.hashes).toEqual(inline.hashes)
  const once = { manifestPollMs: 1e9 }
  expect((await bodies(leaseOf(once))).report.requests.s3Get).toBe(1)
  const fromBucket = await bodies(leaseOf(once), new RolloutWorker(), { inline: false })
  expect(fromBucket.report.requests.s3Get).toBe(2)
})

test('a warm function pays for the policy once: its next lease of the run reads none', async () => {
  const worker = new RolloutWorker()
  const once = leaseOf({ manifestPollMs: 1e9 })
  expect((await bodies(once, worker, { inline: false })).report.requests.s3Get).toBe(2)
  expect((await bodies(once, worker, { inline: false })).report.requests.s3Get).toBe(1)
})

test('a warm function that is given another run with other observations uses that run’s policy', async () => {
  const worker = new RolloutWorker()
  await bodies(leaseOf(), worker)
  const mountainCar = leaseOf({
    run: 'run-2',
    env: { id: 'MountainCar-v0', config: {} },
    policy: { observation: { shape: [2] }, action: { kind: 'discrete', n: 3 }, distribution: 'categorical' },
  })
  const model = freshModel([2], 3, 1)
  const warm = await bodies(mountainCar, worker, { model })
  expect(warm.report).toMatchObject({ end: 'fragments', fragments: 3 })
  expect(warm.hashes).toEqual((await bodies(mountainCar, new RolloutWorker(), { model })).hashes)
  expect((await bodies(leaseOf(), worker)).hashes).toEqual((await bodies()).hashes)
})

test('a run begun anew under its old name gets its own policy, though the version number is the same', async () => {
  const worker = new RolloutWorker()
  await bodies(leaseOf(), worker)
  for (const inline of [true, false]) {
    const options = { model: freshModel([4], 2, inline ? 1 : 2), inline }
    const fresh = await bodies(leaseOf(), new RolloutWorker(), options)
    expect((await bodies(leaseOf(), worker, options)).hashes).toEqual(fresh.hashes)
  }
})

test.each([true, false])('a policy that is not what the manifest promises is refused (inline: %j)', async (inline) => {
  const [store, queue] = [memoryStore(), memoryQueue()]
  const manifest = await publish(store, { inline })
  const altered = cartPoleModel.slice()
  altered[5000]! ^= 1
  const policy = { ...manifest.policy, ...(inline ? { inline: Buffer.from(altered).toString('base64') } : {}) }
  await store.put(keys.policy(manifest.run, 0), altered)
  await store.put(keys.manifest(manifest.run), encodeManifest({ ...manifest, policy }))
  const report = await work(leaseOf(), { store, queue })
  expect(report).toMatchObject({ end: 'error', fragments: 0, error: { code: 'E_POLICY_MODEL' } })
  expect(report.error?.message).toContain(manifest.policy.sha256)
})

test('an older policy is checked as the newest is: one that was altered, put in another’s place, or that the manifest does not know is refused', async () => {
  const models = [0, 1, 2].map((seed) => freshModel([4], 2, seed))
  const published = async () => {
    const store = memoryStore()
    const manifests = []
    for (const [version, model] of models.entries()) manifests.push(await publish(store, { version, model }))
    return { store, manifest: manifests.at(-1)! }
  }
  const use = async ({ store, manifest }: Awaited<ReturnType<typeof published>>, version: number) => {
    const worker = new RolloutWorker()
    await worker.begin(leaseOf(), store, 'CartPole-v1')
    await worker.usePolicy(manifest, version)
    return worker.requests.s3Get
  }
  expect(await use(await published(), 1)).toBe(1)
  const refused = { code: 'E_POLICY_MODEL', message: expect.stringMatching(/policy version 1 has a SHA-256/) }
  for (let bit = 0; bit < 44; bit++) {
    const world = await published()
    const altered = models[1]!.slice()
    altered[Math.floor((bit / 44) * altered.length)]! ^= 1 << (bit % 8)
    await world.store.put(keys.policy(world.manifest.run, 1), altered)
    await expect(use(world, 1)).rejects.toMatchObject(refused)
  }
  const swapped = await published()
  await swapped.store.put(keys.policy(swapped.manifest.run, 1), models[0]!)
  await expect(use(swapped, 1)).rejects.toMatchObject(refused)
  const { store, manifest } = await published()
  await expect(use({ store, manifest: { ...manifest, earlier: [] } }, 1)).rejects.toMatchObject({
    code: 'E_POLICY_MODEL',
    message: expect.stringMatching(/the manifest does not know it/),
  })
})

test('a policy for other observations than the lease says is refused', async () => {
  const { report } = await bodies(leaseOf(), new RolloutWorker(), { model: freshModel([3], 2, 1) })
  expect(report).toMatchObject({ end: 'error', error: { code: 'E_POLICY_MODEL' } })
})

test('what a fragment fails with names shard, lease and sequence', async () => {
  const store = memoryStore()
  const manifest = await publish(store)
  const lease = leaseOf({ shard: 2 })
  const worker = new RolloutWorker()
  await worker.begin(lease, store, {
    id: 'broken',
    make: () => ({
      observationSpace: { kind: 'box', shape: [4], low: -1, high: 1 },
      actionSpace: { kind: 'discrete', n: 2 },
      reset: (observation) => observation.fill(0),
      step: () => ({ reward: Number.NaN, terminated: false, truncated: false }),
    }),
  })
  await worker.usePolicy(manifest, 0)
  await expect(worker.collect(41)).rejects.toMatchObject({
    code: 'E_ENV_STEP',
    where: { shard: 2, lease: lease.lease, sequence: 41 },
  })
})

test('a greedy lease takes the most probable action and nothing random', async () => {
  const greedy = leaseOf({ exploration: { greedy: true } })
  const { batches } = await bodies(greedy)
  for (const { columns } of batches) {
    for (const logProb of columns['behaviour_log_probs']?.data ?? [])
      expect(logProb).toBeGreaterThanOrEqual(Math.log(0.5))
  }
})
