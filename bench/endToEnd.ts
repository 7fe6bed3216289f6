import quoted from '../examples/cartpole-throughput.ts'
import { emulatedRunCloud } from '../infra/clouds/emulated.ts'
import { ppo } from '../learner/algorithms/ppo.ts'
import { type Experiment, experiment } from '../learner/experiment.ts'
import type { Progress } from '../learner/run/observer.ts'
import { train } from '../learner/run/service.ts'
import { makeLearner } from '../learner/training/makeLearner.ts'
import { makeVectorEnv } from '../shared/env/index.ts'
import { PolicySession } from '../shared/policy/index.ts'
import { Collector } from '../shared/rollout/index.ts'
import { policy } from './cartPoleSetting.ts'
import { type Row, higherIsBetter } from './result.ts'

/** Until V8 has compiled what is hot. */
const WARMUP_MS = 5_000
const PLAIN_SECONDS = 3
const RATES = { learning_rate: 1e-3, entropy_coef: 0.001 }

/** IMPALA on the emulated cloud, learning all the while: every step through the real handler, S3 and SQS. */
export async function endToEndRow(): Promise<Row> {
  return await rowOf('IMPALA on CartPole-v1 while learning, emulated cloud (examples/cartpole-throughput.ts)', quoted, {
    seconds: 25,
    limit: 'the train step, which waits for nothing; then the function, a third of whose time goes into requests',
  })
}

/** The same for PPO, where functions wait while it learns: what it gains over one process is that two functions step at once. */
export async function ppoEndToEndRow(): Promise<Row> {
  const setting = experiment({
    env: 'CartPole-v1',
    algorithm: ppo({ trainBatchSteps: 16_384, epochs: 4, minibatchSteps: 2_048, learningRate: 1e-3 }),
    rollouts: { shards: 2, envsPerShard: 128, fragmentLength: 64 },
    stop: { envSteps: 1e9 },
  })
  return await rowOf('PPO on CartPole-v1 while learning, emulated cloud, 16,384 env steps an update', setting, {
    seconds: 15,
    limit: 'four epochs of the train step, during which functions wait',
  })
}

async function rowOf(
  name: string,
  setting: Experiment,
  { seconds, limit }: { readonly seconds: number; readonly limit: string },
): Promise<Row> {
  return higherIsBetter({
    name,
    value: await emulated(experiment({ ...setting, stop: { seconds } })),
    unit: 'env steps/s, end to end',
    baseline: {
      name: 'sampler and train step in turn in one process, without any cloud',
      value: await plain(setting),
    },
    limit,
  })
}

async function emulated(setting: Experiment): Promise<number> {
  const cloud = await emulatedRunCloud()
  const marks: Progress[] = []
  try {
    await train(setting, { run: 'bench', cloud, observer: { onProgress: (progress) => marks.push(progress) } })
  } finally {
    await cloud.close()
  }
  const first = marks.find(({ atMs }) => atMs > WARMUP_MS)
  const last = marks.at(-1)
  if (!first || !last || last.updates === first.updates) throw new Error('the run made no updates after its warm-up')
  return (last.envSteps - first.envSteps) / ((last.atMs - first.atMs) / 1000)
}

async function plain(setting: Experiment): Promise<number> {
  const { shards, envsPerShard, fragmentLength: T } = setting.rollouts
  const B = shards * envsPerShard
  const learner = makeLearner(setting, {
    setting: { shards, fragmentSteps: T * envsPerShard },
    policy,
    trainWorker: undefined,
  })
  const collector = new Collector({ env: makeVectorEnv('CartPole-v1', { numEnvs: B }), fragmentLength: T, seed: 1 })
  let session = await PolicySession.load(await learner.policy(), policy, B)
  let steps = 0
  const from = performance.now()
  for (let version = 0; performance.now() - from < PLAIN_SECONDS * 1000; version++) {
    collector.usePolicy(session, version)
    const fragment = await collector.collect()
    const batch = fragment.toBatch({ run: 'bench', shard: 0, lease: '0', sequence: version })
    const trained = await learner.train([batch], { call: 'update', rates: RATES, wantPolicy: 'default' })
    fragment.release()
    await session.release()
    session = await PolicySession.load(trained.policy ?? new Uint8Array(), policy, B)
    steps += T * B
  }
  await session.release()
  await learner.close()
  return steps / ((performance.now() - from) / 1000)
}
