import quoted from '../examples/cartpole-throughput.ts'
import { emulatedRunCloud } from '../infra/clouds/emulated.ts'
import { type Experiment, experiment } from '../learner/experiment.ts'
import type { Progress } from '../learner/run/observer.ts'
import { train } from '../learner/run/service.ts'
import { concatFragments, rolloutColumnSpecs, trainInputs } from '../shared/batch/index.ts'
import { makeVectorEnv } from '../shared/env/index.ts'
import { PolicySession } from '../shared/policy/index.ts'
import { Collector } from '../shared/rollout/index.ts'
import { hostTensors } from '../learner/training/hostTensors.ts'
import { policy, cartPoleRunner } from './cartPoleSetting.ts'
import { type Row, higherIsBetter } from './result.ts'

/** Until V8 has compiled what is hot. */
const WARMUP_MS = 5_000
const PLAIN_SECONDS = 3
const RATES = { learning_rate: 1e-3, entropy_coef: 0.001 }

/** IMPALA on the emulated cloud, learning all the while: every step through the real handler, S3 and SQS. */
export async function endToEndRow(seconds = 25): Promise<Row> {
  const { rollouts } = quoted
  const value = await emulated(experiment({ ...quoted, stop: { seconds } }))
  const baseline = await plain(rollouts.fragmentLength, rollouts.envsPerShard * rollouts.shards)
  return higherIsBetter({
    name: 'IMPALA on CartPole-v1 while learning, emulated cloud (examples/cartpole-throughput.ts)',
    value,
    unit: 'env steps/s, end to end',
    baseline: { name: 'sampler and train step in turn in one process, without any cloud', value: baseline },
    limit: 'about 0.4 ms of CPU for each call of the AWS SDK, and as much again in the emulated services',
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

async function plain(T: number, B: number): Promise<number> {
  const runner = cartPoleRunner(T, B)
  const collector = new Collector({ env: makeVectorEnv('CartPole-v1', { numEnvs: B }), fragmentLength: T, seed: 1 })
  let session = await PolicySession.load(runner.policy('default'), policy, B)
  const specs = rolloutColumnSpecs(policy)
  let steps = 0
  const from = performance.now()
  for (let version = 0; performance.now() - from < PLAIN_SECONDS * 1000; version++) {
    collector.usePolicy(session, version)
    const fragment = await collector.collect()
    const batch = fragment.toBatch({ run: 'bench', shard: 0, lease: '0', sequence: version })
    const columns = hostTensors(trainInputs(concatFragments([batch], specs)).columns)
    await runner.call('update', { columns, rates: RATES })
    fragment.release()
    await session.release()
    session = await PolicySession.load(runner.policy('default'), policy, B)
    steps += T * B
  }
  await session.release()
  await runner.close()
  return steps / ((performance.now() - from) / 1000)
}
