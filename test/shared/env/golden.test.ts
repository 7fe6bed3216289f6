import { expect, test } from 'vitest'
import { Random, makeEnv, makeVectorEnv } from '../../../shared/env/index.ts'
import { recorded } from './recorded.ts'

const cases = ['Acrobot-v1', 'CartPole-v1', 'MountainCar-v0'].flatMap((id) =>
  recorded(id).map((episode) => ({ id, name: episode.name, episode })),
)
// CartPole's balancing episodes are unstable in open loop: a last bit grows by 1e10 over 500 steps.
const stable = cases.filter(({ name }) => !name.startsWith('linear_'))

function largestGap(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
}

test.each(cases)(
  '$id $name: one step from every recorded state gives Gymnasium’s next, to 1e-12 and bit-equal as float32',
  ({ id, episode: e }) => {
    const env = makeEnv(id)
    const observation = new Float32Array(e.initial_obs.length)
    for (let t = 0; t < e.actions.length; t++) {
      env.load!(t === 0 ? e.initial_state : e.states[t - 1]!, new Random(0))
      const outcome = env.step(e.actions[t]!, observation)
      expect(largestGap(env.save!() as number[], e.states[t]!)).toBeLessThanOrEqual(1e-12)
      expect(Array.from(observation)).toEqual(e.obs[t])
      expect(outcome).toEqual({ reward: e.rewards[t], terminated: e.terminated[t] === 1, truncated: false })
    }
  },
)

test.each(stable)('$id $name: a free run stays within 1e-6 of Gymnasium’s', ({ id, episode: e }) => {
  const env = makeEnv(id)
  const observation = new Float32Array(e.initial_obs.length)
  env.load!(e.initial_state, new Random(0))
  e.actions.forEach((action, t) => {
    env.step(action, observation)
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
      env.step(Int32Array.of(action))
      expect([env.terminated[0], env.truncated[0]]).toEqual([e.terminated[t], e.truncated[t]])
      expect(env.rewards[0]).toBe(e.rewards[t])
    })
    const ended = e.terminated.at(-1) === 1 || e.truncated.at(-1) === 1
    if (ended) expect(Array.from(env.finalObservations)).toEqual(e.obs.at(-1))
  },
)

test('the recordings hold every kind of end', () => {
  for (const id of ['Acrobot-v1', 'CartPole-v1', 'MountainCar-v0']) {
    const ends = recorded(id).map((e) => `${e.terminated.at(-1)}${e.truncated.at(-1)}`)
    expect(ends, id).toEqual(expect.arrayContaining(['10', '01']))
  }
})
