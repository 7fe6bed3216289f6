// One episode in a hundred takes fifty times as long: at any moment a third of all functions is in one of those.
import { setMaxListeners } from 'node:events'
import { expect, test } from 'vitest'
import { Plan } from '../../../learner/flow/index.ts'
import { concatBatches, dropStale } from '../../../learner/operators/sampling.ts'
import { rolloutSource, runState } from '../../../learner/resources.ts'
import { SharedWindow } from '../../../learner/rollouts/sharedWindow.ts'
import { RolloutSource } from '../../../learner/rollouts/source.ts'
import { RunState } from '../../../learner/run/state.ts'
import type { Manifest } from '../../../shared/protocol/manifest.ts'
import { Random } from '../../../shared/random.ts'
import { Pace } from '../../../shared/rollout/pace.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'
import { fragmentOf } from './inboxes.ts'

const [SHARDS, ENVS, STEPS, EPISODE, STEP_MS, SLOWER] = [8, 4, 20, 50, 2, 50]
const [TRAIN_MS, MESSAGE_MS, FOR_MS] = [10, 5, 120_000]
const template = fragmentOf(0, 0)

/** How long each fragment of a shard takes, with a share of its episodes slow. */
function* fragmentMs(random: Random, slowShare: number): Generator<number, never> {
  const left = Array.from({ length: ENVS }, (_, i) => ({ steps: (i * EPISODE) / ENVS, ms: STEP_MS }))
  for (;;) {
    let total = 0
    for (let step = 0; step < STEPS; step++)
      for (const env of left) {
        if (env.steps <= 0)
          Object.assign(env, { steps: EPISODE, ms: random.uniform() < slowShare ? STEP_MS * SLOWER : STEP_MS })
        env.steps--
        total += env.ms
      }
    yield total
  }
}

/** A run in virtual time: functions that only take their time, and the learner's own source, operators and window. */
async function run({ slowShare, batch, lead = 1 }: { slowShare: number; batch: number; lead?: number }) {
  const clock = virtualClock()
  const over = new AbortController()
  setMaxListeners(0, over.signal)
  const pacing = { mode: 'newest', perVersion: batch / SHARDS, lead, patienceMs: 2_000 } as const
  const window = new SharedWindow({ pacing, shards: SHARDS })
  const consumed = Array.from({ length: SHARDS }, () => 0)
  const state = new RunState(({ provenance: { shard, sequence } }) => {
    consumed[shard] = sequence + 1
    window.consumed(shard)
  })
  const manifest = (): Pick<Manifest, 'policy' | 'consumed' | 'window'> => ({
    policy: { version: state.policyVersion, key: 'k', sha256: 'a'.repeat(64) },
    consumed: [...consumed],
    window: window.size,
  })
  let published = manifest()
  let told: () => void = () => undefined
  let news = new Promise<void>((resolve) => (told = resolve))
  let busyMs = 0

  const work = async (shard: number): Promise<void> => {
    const pace = new Pace({ pacing, shard })
    const durations = fragmentMs(new Random(shard + 1), slowShare)
    for (let sequence = 0; !over.signal.aborted;) {
      const policyVersion = pace.version(sequence, published)
      if (policyVersion === undefined) {
        await news
        continue
      }
      const ms = durations.next().value
      await clock.sleep(ms, over.signal)
      if (over.signal.aborted) return
      busyMs += ms
      const provenance = { ...template.provenance, shard, sequence: sequence++, policyVersion, envSteps: ENVS * STEPS }
      void clock.sleep(MESSAGE_MS, over.signal).then(() => source.push({ ...template, provenance }))
    }
  }
  const source = new RolloutSource(SHARDS, {
    start: () => Array.from({ length: SHARDS }, (_, shard) => void work(shard)),
    stop: async () => undefined,
  })
  const plan = new Plan()
  const flow = plan
    .source('rollouts', rolloutSource)
    .gatherAsync({ inFlight: 2, reissue: 'before' })
    .via(dropStale({ maxPolicyLag: 8 }))
    .via(concatBatches({ minSteps: batch * ENVS * STEPS }))
  let lag = 0
  const learn = async () => {
    const resources = [rolloutSource.of(source), runState.of(state)]
    for await (const fragments of plan.run(flow, { resources, signal: over.signal })) {
      await clock.sleep(TRAIN_MS)
      lag += fragments.reduce((sum, fragment) => sum + state.lagOf(fragment), 0) / fragments.length
      state.trained(fragments)
      await clock.sleep(MESSAGE_MS)
      published = manifest()
      told()
      news = new Promise((resolve) => (told = resolve))
    }
  }
  const learning = learn().catch((error: unknown) => {
    if (!over.signal.aborted) throw error
  })
  await clock.advance(FOR_MS)
  over.abort()
  told()
  await clock.advance(TRAIN_MS + MESSAGE_MS)
  await learning
  const { trainedSteps } = state.clocks
  const use = busyMs / (SHARDS * FOR_MS)
  return { use, trained: trainedSteps / (trainedSteps + state.stale.envSteps), lag: lag / state.policyVersion }
}

test.each([4, 8, 16])(
  'batches of %d fragments from 8 shards: no shard waits for one in a slow episode',
  async (batch) => {
    const calm = await run({ slowShare: 0, batch })
    const slow = await run({ slowShare: 0.01, batch })
    // Steps are fewer by what slow steps take, and by no more: functions step as large a part of their time as without slow episodes.
    expect(slow.use).toBeGreaterThan(0.95)
    expect(slow.use * slow.trained).toBeGreaterThan(0.95 * calm.use)
    expect(slow.lag).toBeLessThan(calm.lag + 1)
  },
)
