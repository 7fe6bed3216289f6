import { expect, test } from 'vitest'
import { type BoxSpace, type Env, Random, type Space, makeEnv, makeVectorEnv } from '../../../shared/env/index.ts'
import { recorded } from './recorded.ts'

const IDS = ['Acrobot-v1', 'CartPole-v1', 'MountainCar-v0', 'MountainCarContinuous-v0', 'Pendulum-v1']
const cases = IDS.flatMap((id) => recorded(id).map((episode) => ({ id, name: episode.name, episode })))
// CartPole's balancing episodes are unstable in open loop: a last bit grows by 1e10 over 500 steps.
const stable = cases.filter(({ name }) => !name.startsWith('linear_'))

function largestGap(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
}

/** Some recorded actions are outside the space: a vector gets the nearest one that is inside. */
function within(space: Space, action: number) {
  if (space.kind === 'discrete') return { allowed: Int32Array.of(action), isAllowed: true }
  const limit = Number((space as BoxSpace).high)
  const allowed = Float32Array.of(Math.min(Math.max(action, -limit), limit))
  return { allowed, isAllowed: Math.abs(action) <= limit }
}

/** As the env takes it: Gymnasium's continuous actions are float32. */
const actionOf = (env: Env, action: number) => (env.actionSpace.kind === 'box' ? Float32Array.of(action) : action)

test.each(cases)(
  '$id $name: one step from every recorded state gives Gymnasium’s next, to 1e-12 and bit-equal as float32',
  ({ id, episode: e }) => {
    const env = makeEnv(id)
    const observation = new Float32Array(e.initial_obs.length)
    for (let t = 0; t < e.actions.length; t++) {
      env.load!(t === 0 ? e.initial_state : e.states[t - 1]!, new Random(0))
      const outcome = env.step(actionOf(env, e.actions[t]!), observation)
      expect(largestGap(env.save!() as number[], e.states[t]!)).toBeLessThanOrEqual(1e-12)
      expect(Array.from(observation)).toEqual(e.obs[t])
      // A continuous reward holds squares, which C's pow gives with another last bit now and then.
      const gap = env.actionSpace.kind === 'box' ? 1e-12 : 0
      expect(Math.abs(outcome.reward - e.rewards[t]!)).toBeLessThanOrEqual(gap)
      expect(outcome).toMatchObject({ terminated: e.terminated[t] === 1, truncated: false })
    }
  },
)

test.each(stable)('$id $name: a free run stays within 1e-6 of Gymnasium’s', ({ id, episode: e }) => {
  const env = makeEnv(id)
  const observation = new Float32Array(e.initial_obs.length)
  env.load!(e.initial_state, new Random(0))
  e.actions.forEach((action, t) => {
    env.step(actionOf(env, action), observation)
    expect(largestGap(env.save!() as number[], e.states[t]!)).toBeLessThanOrEqual(1e-6)
  })
})

test.each(cases)(
  '$id $name: the recorded flags of the whole episode come out of the vector form, the time limit included',
  ({ id, episode: e }) => {
    const env = makeVectorEnv(id, { numEnvs: 1 })
    env.reset(0)
    const start = { ...env.save!()!, envs: [e.initial_state], observations: e.initial_obs }
    e.actions.forEach((action, t) => {
      const envs = [t === 0 ? e.initial_state : e.states[t - 1]!]
      env.load!({ ...start, envs, episodeLengths: [t] })
      const { allowed, isAllowed } = within(env.actionSpace, action)
      env.step(allowed)
      expect([env.terminated[0], env.truncated[0]]).toEqual([e.terminated[t], e.truncated[t]])
      if (isAllowed) expect(env.rewards[0]).toBe(Math.fround(e.rewards[t]!))
    })
    const ended = e.terminated.at(-1) === 1 || e.truncated.at(-1) === 1
    if (ended) expect(Array.from(env.finalObservations)).toEqual(e.obs.at(-1))
  },
)

test('the recordings hold every kind of end', () => {
  for (const id of IDS) {
    const ends = recorded(id).map((e) => `${e.terminated.at(-1)}${e.truncated.at(-1)}`)
    expect(ends, id).toEqual(expect.arrayContaining(id === 'Pendulum-v1' ? ['01'] : ['10', '01'])) // it never terminates
  }
})
