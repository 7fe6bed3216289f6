import { emulatedRunCloud } from '../infra/clouds/emulated.ts'
import { impala } from '../learner/algorithms/impala.ts'
import { experiment } from '../learner/experiment.ts'
import type { Progress } from '../learner/run/observer.ts'
import type { RunCloud } from '../learner/run/cloud.ts'
import { train } from '../learner/run/service.ts'
import type { EnvClass } from '../shared/env/index.ts'
import type { LeaseReport } from '../shared/protocol/lease.ts'
import { type Row, higherIsBetter } from './result.ts'

const SHARDS = 8
const SLOWER = 50
/** Processes start, and the first leases with them. */
const SETTLE_MS = 8_000

/** An env whose steps wait and compute nothing, so that eight functions fit on two cores. A share of its episodes waits 50 times as long. */
const ENV = `export class Waiting {
  static id = 'Waiting-v0'
  static maxEpisodeSteps = 50
  observationSpace = { kind: 'box', shape: [1], low: 0, high: 1 }
  actionSpace = { kind: 'discrete', n: 2 }
  constructor({ stepMs, slowShare }) { this.stepMs = stepMs; this.slowShare = slowShare }
  reset(observation, random) {
    this.at = 0
    this.ms = this.stepMs * (random.uniform() < this.slowShare ? ${SLOWER} : 1)
    observation[0] = 0
  }
  step(action, observation) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.ms)
    observation[0] = ++this.at / 50
    return { reward: action, terminated: false, truncated: false }
  }
  save() { return [this.at, this.ms] }
  load([at, ms]) { this.at = at; this.ms = ms }
}
export default { env: Waiting }`

/**
 * What slow episodes cost beside the time that they take: of all function time, the share spent on stepping fragments that were trained on.
 * In an asynchronous plan no shard waits for a slow one, so the share is the same with 1% of the episodes 50 times slower and without.
 */
export async function slowEpisodesRow(seconds = 45): Promise<Row> {
  return higherIsBetter({
    name: `1% of episodes ${SLOWER} times slower, IMPALA, ${SHARDS} shards (bench/slowEpisodes.ts)`,
    value: await stepping(0.01, seconds),
    unit: 'share of function time that went into steps trained on',
    baseline: { name: 'the same without slow episodes', value: await stepping(0, seconds) },
    limit: 'what lies between two fragments of a function: a look at the manifest, a policy, a send',
  })
}

async function stepping(slowShare: number, seconds: number): Promise<number> {
  const reports: LeaseReport[] = []
  const marks: Progress[] = []
  const cloud = await emulatedRunCloud()
  const { Waiting } = (await import(`data:text/javascript,${encodeURIComponent(ENV)}`)) as { Waiting: EnvClass }
  const setting = experiment({
    env: Waiting,
    envConfig: { stepMs: 2, slowShare },
    algorithm: impala({ hidden: [8], trainBatchSteps: 640 }),
    rollouts: { shards: SHARDS, envsPerShard: 4, fragmentLength: 20, leaseSeconds: 10 },
    stop: { seconds },
  })
  try {
    await train(setting, {
      run: 'slow',
      envCode: new TextEncoder().encode(ENV),
      cloud: reporting(cloud, reports),
      observer: { onProgress: (progress) => marks.push(progress), onEvent: ({ text }) => console.log(text) },
    })
  } finally {
    await cloud.close()
  }
  const [first, last] = [marks.find(({ atMs }) => atMs > SETTLE_MS), marks.at(-1)]
  if (!first || !last) throw new Error('the run was too short')
  // By the reports: what a step of a function takes. By the learner: how many were trained on.
  const msPerStep = sum(reports, ({ steppingMs }) => steppingMs) / sum(reports, ({ envSteps }) => envSteps)
  const rate = (last.trainedSteps - first.trainedSteps) / (last.atMs - first.atMs)
  const { stale, envSteps } = last.dropped
  console.log(
    `slow episodes ${slowShare * 100}%: ${Math.round(rate * 1000)} env steps/s, ${msPerStep.toFixed(2)} ms of a function each; ${stale} fragments (${envSteps} env steps of ${last.envSteps}) dropped as too old`,
  )
  return (rate * msPerStep) / SHARDS
}

const sum = (reports: readonly LeaseReport[], of: (report: LeaseReport) => number): number =>
  reports.reduce((total, report) => total + of(report), 0)

/** A run's cloud that keeps every goodbye. */
function reporting(cloud: RunCloud, reports: LeaseReport[]): RunCloud {
  const queue: RunCloud['queue'] = {
    ...cloud.queue,
    async receive(options) {
      const messages = await cloud.queue.receive(options)
      for (const { body } of messages) {
        if (!body.startsWith('{"kind":"leaseEnd"')) continue
        reports.push((JSON.parse(body) as { report: LeaseReport }).report)
      }
      return messages
    },
  }
  return { ...cloud, queue }
}
