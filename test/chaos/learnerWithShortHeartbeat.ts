// A program of its own: a run that does not end, whose functions go on for 3 s without a sign of life of it.
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { experiment } from '../../learner/experiment.ts'
import { impala } from '../../learner/algorithms/impala.ts'
import { train } from '../../learner/run/service.ts'

const cloud = await emulatedRunCloud()
await train(experiment({ env: 'CartPole-v1', algorithm: impala({ deterministic: true }) }), {
  run: 'short-heartbeat',
  cloud: { ...cloud, heartbeatMs: 3_000 },
  observer: { onUpdate: ({ updates }) => console.log(`update ${updates}`) },
})
