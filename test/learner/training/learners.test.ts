import { build } from 'esbuild'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { impala } from '../../../learner/algorithms/impala.ts'
import { type Program, compile } from '../../../learner/program/index.ts'
import { seededUniform } from '../../../learner/tensor/index.ts'
import { InlineLearner } from '../../../learner/training/inlineLearner.ts'
import type { Learner, Rates } from '../../../learner/training/learner.ts'
import { ThreadLearner } from '../../../learner/training/threadLearner.ts'
import type { TrainSetting } from '../../../learner/training/trainSetting.ts'
import { columnOf } from '../../../shared/batch/columns.ts'
import { rolloutColumnSpecs } from '../../../shared/batch/rolloutColumnSpecs.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { PolicySession } from '../../../shared/policy/index.ts'
import { memoryQueue } from '../../fakes/memoryQueue.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { withColumns } from '../../shared/batch/arbitrary.ts'
import { drain, leaseOf, opened, publish, work } from '../../shared/rollout/leases.ts'

const lease = leaseOf({ maxFragments: 6, fragmentLength: 20 })
const PER_BATCH = 2
const rates: Rates = { learning_rate: 5e-3, entropy_coef: 0.01 }

const setting: TrainSetting = { program: programFrom(3), engine: { engine: 'onnxruntime', threads: 1 } }

function programFrom(seed: number): Program {
  const { algorithm, policy, T, B } = {
    algorithm: impala({ hidden: [16, 16] }),
    policy: lease.policy,
    T: lease.fragmentLength,
    B: lease.numEnvs * PER_BATCH,
  }
  return compile(algorithm.program({ policy, T, B }), { name: algorithm.name, uniform: seededUniform(seed), seed })
}

let folder = ''
let workerFile = ''
let batches: SampleBatch[][] = []

const COLUMNS = rolloutColumnSpecs(lease.policy)

beforeAll(async () => {
  // Bundled as it is shipped, from the sources as they are; inside the repository, so that it finds its packages.
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  mkdirSync(join(root, 'dist'), { recursive: true })
  folder = mkdtempSync(join(root, 'dist', 'test-worker-'))
  workerFile = join(folder, 'train-worker.mjs')
  await build({
    entryPoints: [join(root, 'learner/training/trainWorker.ts')],
    outfile: workerFile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['onnxruntime-node', '@tensorflow/*'],
    banner: { js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);" },
  })
  const [store, queue] = [memoryStore(), memoryQueue()]
  await publish(store)
  await work(lease, { store, queue })
  const fragments = await opened(await drain(queue), store)
  batches = [0, 1, 2].map((i) => fragments.slice(i * PER_BATCH, (i + 1) * PER_BATCH))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const learners: [string, (changes?: Partial<TrainSetting>) => Learner][] = [
  ['InlineLearner', (changes) => new InlineLearner({ ...setting, ...changes }, COLUMNS)],
  ['ThreadLearner', (changes) => new ThreadLearner(workerFile, { ...setting, ...changes }, COLUMNS)],
]

/** Policy before, then metrics and policy after every batch. */
async function training(learner: Learner) {
  const policies = [await learner.policy()]
  const metrics: unknown[] = []
  for (const batch of batches) {
    const trained = await learner.train(batch, { call: 'update', rates, wantPolicy: 'default' })
    metrics.push(trained.metrics)
    policies.push(trained.policy!)
  }
  policies.push(await learner.policy())
  return { metrics, policies: policies.map((policy) => Buffer.from(policy).toString('base64')) }
}

const spoiled = (batch: readonly SampleBatch[], value: number): SampleBatch[] =>
  batch.map((fragment, i) => {
    const { data, shape } = fragment.columns['rewards']!
    const rewards = Float32Array.from(data)
    if (i === 1) rewards[7] = value
    return withColumns(fragment, { rewards: columnOf(rewards, shape) })
  })

test('in this thread and in its own, the same batches give the same metrics and the same policies, byte for byte', async () => {
  const [inline, thread] = learners.map(([, make]) => make())
  const [here, there] = [await training(inline!), await training(thread!)]
  expect(there).toEqual(here)
  expect(new Set(here.policies).size).toBe(4)
  // What was asked for with the last update is what the learner has.
  expect(here.policies[4]).toBe(here.policies[3])
  await inline!.close()
  await thread!.close()
})

test.each(learners)(
  '%s gives a policy that functions can run, before and after an update, from its seed alone',
  async (_name, make) => {
    const learner = make()
    const again = make()
    const other = make({ program: programFrom(4) })
    const first = Buffer.from(await learner.policy())
    expect(first.equals(Buffer.from(await again.policy()))).toBe(true)
    expect(first.equals(Buffer.from(await other.policy()))).toBe(false)
    const { policy } = await learner.train(batches[0]!, { call: 'update', rates, wantPolicy: 'default' })
    for (const model of [first, policy!]) {
      const session = await PolicySession.load(model, lease.policy, 3)
      session.observations.set([0.1, -0.2, 0.3, 0.4])
      await session.run()
      for (const logit of session.outputs) expect(Number.isFinite(logit)).toBe(true)
      await session.release()
    }
    await Promise.all([learner.close(), again.close(), other.close()])
  },
)

test.each(learners)(
  '%s goes on from what another one saved, bit for bit; the copy is of the moment it was asked for',
  async (_name, make) => {
    const learner = make()
    const train = async (one: Learner, batch: number) =>
      Buffer.from((await one.train(batches[batch]!, { call: 'update', rates, wantPolicy: 'default' })).policy!)
    const first = await train(learner, 0)
    const [state, second] = await Promise.all([learner.save(), train(learner, 1)])
    const { step, weights, slots } = state.sets['policy']!
    expect([step, weights.length]).toEqual([1, slots['mean']?.length])
    const resumed = make({ state })
    expect(first.equals(Buffer.from(await resumed.policy()))).toBe(true)
    expect(second.equals(await train(resumed, 1))).toBe(true)
    expect(await resumed.save()).toEqual(await learner.save())
    await Promise.all([learner.close(), resumed.close()])
  },
)

test.each(learners)(
  '%s leaves fragments as they were, and gives a policy only where it was asked for one',
  async (_name, make) => {
    const learner = make()
    const before = structuredClone(batches[0])
    const { policy, metrics } = await learner.train(batches[0]!, { call: 'update', rates })
    expect(policy).toBeUndefined()
    expect(batches[0]).toEqual(before)
    for (const value of Object.values(metrics)) expect(Number.isFinite(value)).toBe(true)
    expect(learner.busyMs).toBeGreaterThan(0)
    await learner.close()
  },
)

test.each(learners)(
  '%s refuses an update that diverges with E_TRAIN_DIVERGED, keeps its weights and goes on',
  async (_name, make) => {
    const [learner, untouched] = [make(), make()]
    await learner.train(batches[0]!, { call: 'update', rates })
    const before = await learner.policy()
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(
        learner.train(spoiled(batches[1]!, value), { call: 'update', rates, wantPolicy: 'default' }),
      ).rejects.toMatchObject({
        name: 'MillraceError',
        code: 'E_TRAIN_DIVERGED',
      })
    }
    expect(Buffer.from(await learner.policy()).equals(Buffer.from(before))).toBe(true)
    await untouched.train(batches[0]!, { call: 'update', rates })
    const [after, expected] = await Promise.all(
      [learner, untouched].map((one) => one.train(batches[2]!, { call: 'update', rates, wantPolicy: 'default' })),
    )
    expect(Buffer.from(after!.policy!).equals(Buffer.from(expected!.policy!))).toBe(true)
    await learner.close()
    await untouched.close()
  },
)

test.each(learners)('%s says what is wrong with a batch that does not fit, and goes on', async (_name, make) => {
  const learner = make()
  const short = leaseOf({ maxFragments: 1, fragmentLength: 3 })
  const [store, queue] = [memoryStore(), memoryQueue()]
  await publish(store)
  await work(short, { store, queue })
  const other = await opened(await drain(queue), store)
  await expect(learner.train([...batches[0]!.slice(1), ...other], { call: 'update', rates })).rejects.toMatchObject({
    code: 'E_BATCH_SHAPE',
  })
  await learner.train(batches[0]!, { call: 'update', rates })
  await learner.close()
})

test('a state that is of another program is refused by both, with the same words', async () => {
  const { sets, ...rest } = await new InlineLearner(setting, COLUMNS).save()
  const state = { ...rest, sets: { policy: { ...sets['policy']!, weights: new Float32Array(3) } } }
  const refusals: unknown[] = []
  try {
    refusals.push(new InlineLearner({ ...setting, state }, COLUMNS))
  } catch (error) {
    refusals.push(error)
  }
  const thread = new ThreadLearner(workerFile, { ...setting, state }, COLUMNS)
  refusals.push(await thread.policy().catch((error: unknown) => error))
  await thread.close()
  const [inline, threaded] = refusals as Error[]
  expect(inline).toMatchObject({ code: 'E_CHECKPOINT' })
  expect(threaded).toMatchObject({ code: 'E_CHECKPOINT', message: inline?.message })
})

test('close ends the thread, twice is once, and whoever asks afterwards is told', async () => {
  const learner = new ThreadLearner(workerFile, setting, COLUMNS)
  await learner.train(batches[0]!, { call: 'update', rates })
  const worker = learner['worker']
  expect(worker.threadId).toBeGreaterThan(0)
  await learner.close()
  expect(worker.threadId).toBe(-1)
  await learner.close()
  await expect(learner.policy()).rejects.toMatchObject({ code: 'E_ENGINE' })
  await expect(learner.train(batches[0]!, { call: 'update', rates })).rejects.toMatchObject({ code: 'E_ENGINE' })
})

test('close right after the start ends the thread too', async () => {
  const learner = new ThreadLearner(workerFile, setting, COLUMNS)
  await learner.close()
  expect(learner['worker'].threadId).toBe(-1)
})

test('a thread that dies rejects what waits for it', async () => {
  const learner = new ThreadLearner(join(folder, 'missing.mjs'), setting, COLUMNS)
  await expect(learner.policy()).rejects.toThrow('missing.mjs')
  await expect(learner.train(batches[0]!, { call: 'update', rates })).rejects.toThrow('missing.mjs')
  await learner.close()
})
