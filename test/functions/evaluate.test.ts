import { expect, test } from 'vitest'
import { evaluate, handler } from '../../functions/evaluate.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { type EvaluationRequest, EvaluationResult } from '../../shared/protocol/evaluation.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { playEpisodes } from '../../shared/rollout/index.ts'
import { memoryStore } from '../fakes/memoryStore.ts'
import { virtualClock } from '../fakes/virtualClock.ts'
import { FAR_FUTURE, RUN, cartPoleModel, leaseOf } from '../shared/rollout/leases.ts'

const spec = leaseOf().policy

async function world() {
  const store = memoryStore()
  const key = keys.policy(RUN, 40)
  await store.put(key, cartPoleModel)
  const request: EvaluationRequest = {
    format: 1,
    bucket: 'bucket',
    policy: { key, sha256: sha256Hex(cartPoleModel), spec },
    env: { id: 'CartPole-v1', config: {} },
    episodes: 12,
    seed: 3,
    stochastic: true,
  }
  const clock = virtualClock()
  return { store, request, clock, deadline: FAR_FUTURE }
}

test('plays the episodes that the command would play with the same policy and seed', async () => {
  const { request, ...rest } = await world()
  const result = EvaluationResult.parse(await evaluate(request, rest))
  const here = { ...request, model: cartPoleModel, spec, config: {}, over: () => false }
  expect(result.episodes).toEqual(await playEpisodes('CartPole-v1', here))
  expect(result.episodes).toHaveLength(12)
})

test("a user's own env comes from the bucket", async () => {
  const { request, store, ...rest } = await world()
  const module = new TextEncoder().encode(`
    class Short {
      observationSpace = { kind: 'box', shape: [4], low: -1, high: 1 }
      actionSpace = { kind: 'discrete', n: 2 }
      constructor({ steps }) { this.steps = steps }
      reset(observation) { this.left = this.steps; observation.fill(0.5) }
      step(action, observation) { observation.fill(0); return { reward: 2, terminated: --this.left === 0, truncated: false } }
    }
    export default { env: Short }`)
  const sha256 = sha256Hex(module)
  const key = keys.code(RUN, sha256)
  await store.put(key, module)
  const env = { id: 'Short', config: { steps: 3 }, code: { key, sha256 } }
  const { episodes } = await evaluate({ ...request, env, episodes: 2 }, { store, ...rest })
  expect(episodes).toEqual([
    { return: 6, length: 3 },
    { return: 6, length: 3 },
  ])
})

test('a policy that is not there, or not the one that was asked for, is refused', async () => {
  const { request, store, ...rest } = await world()
  await store.put(request.policy.key, cartPoleModel.slice(1))
  await expect(evaluate(request, { store, ...rest })).rejects.toMatchObject({
    code: 'E_POLICY_MODEL',
    message: expect.stringContaining('not the one that was asked for'),
  })
  await store.delete([request.policy.key])
  await expect(evaluate(request, { store, ...rest })).rejects.toMatchObject({
    code: 'E_POLICY_MODEL',
    message: expect.stringContaining('not in the bucket'),
    where: { key: request.policy.key },
  })
})

test('when the time is over it says how many episodes were played, and gives no half result', async () => {
  const { request, store, clock } = await world()
  const deadline = clock.now() + 30
  // Every look at the clock is 1 ms: the time is over after 30 steps, when the worst episodes are and the others are not.
  let looks = 0
  const ticking = { ...clock, now: () => clock.now() + looks++ }
  const failed = evaluate(request, { store, clock: ticking, deadline })
  await expect(failed).rejects.toMatchObject({ code: 'E_EVALUATION', where: { asked: 12 } })
  const { where } = (await failed.catch((error: unknown) => error)) as { where: { played: number } }
  expect(where.played).toBeGreaterThan(0)
  expect(where.played).toBeLessThan(12)
})

test('a payload that is no request is refused with every wrong field, before anything is asked of the cloud', async () => {
  const { request } = await world()
  const context = { getRemainingTimeInMillis: () => 1000 }
  await expect(handler({ ...request, episodes: 0, sede: 1 }, context)).rejects.toMatchObject({
    code: 'E_EVALUATION',
    message: expect.stringMatching(/episodes.*sede|sede.*episodes/),
  })
  await expect(handler(null, context)).rejects.toMatchObject({ code: 'E_EVALUATION' })
})
