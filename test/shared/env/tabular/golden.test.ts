import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { asDefinition, makeEnv } from '../../../../shared/env/index.ts'
import { Random } from '../../../../shared/random.ts'

interface Recorded {
  readonly nS: number
  readonly nA: number
  readonly max_episode_steps: number | null
  readonly initial_dist: readonly number[]
  /** [S][A] of [probability, next state, reward, terminated]. */
  readonly P: readonly (readonly (readonly (readonly [number, number, number, number])[])[])[]
}

const CASES = [
  { file: 'CliffWalking-v1', id: 'CliffWalking-v1', config: {} },
  { file: 'CliffWalking-v1.is_slippery=True', id: 'CliffWalking-v1', config: { isSlippery: true } },
  { file: 'CliffWalking-v1.is_slippery=True', id: 'CliffWalkingSlippery-v1', config: {} },
  { file: 'FrozenLake-v1.map_name=4x4-is_slippery=False', id: 'FrozenLake-v1', config: { isSlippery: false } },
  { file: 'FrozenLake-v1.map_name=4x4-is_slippery=True', id: 'FrozenLake-v1', config: {} },
  { file: 'FrozenLake-v1.map_name=8x8-is_slippery=True', id: 'FrozenLake-v1', config: { mapName: '8x8' } },
  { file: 'Taxi-v4', id: 'Taxi-v3', config: {} },
  { file: 'Taxi-v4', id: 'Taxi-v4', config: {} },
]
const read = (file: string): Recorded =>
  JSON.parse(readFileSync(new URL(`../../../golden/toytext/${file}.json`, import.meta.url), 'utf8'))

/** Gives one value, whatever is drawn. */
class Always extends Random {
  private readonly value: number
  constructor(value: number) {
    super(0)
    this.value = value
  }
  override uniform(): number {
    return this.value
  }
}

test.each(CASES)('$id $config: sizes and time limit are Gymnasium’s', ({ file, id, config }) => {
  const { nS, nA, max_episode_steps: limit } = read(file)
  const env = makeEnv(id, config)
  expect([env.observationSpace, env.actionSpace]).toEqual([
    { kind: 'discrete', n: nS },
    { kind: 'discrete', n: nA },
  ])
  expect(asDefinition(id).maxEpisodeSteps ?? null).toBe(limit)
})

test.each(CASES)(
  '$id $config: every state and action has Gymnasium’s successors, with its probabilities',
  ({ file, id, config }) => {
    const { P } = read(file)
    const env = makeEnv(id, config)
    const observation = new Float32Array(1)
    const leadsTo = (state: number, action: number, draw: number) => {
      env.load!([state], new Always(draw))
      const { reward, terminated, truncated } = env.step(action, observation)
      return [observation[0], reward, Number(terminated), truncated].join()
    }
    const wrong: string[] = []
    P.forEach((actions, state) =>
      actions.forEach((successors, action) => {
        let sum = 0
        for (const [probability, ...successor] of successors) {
          const expected = [...successor, false].join()
          // The draws from `sum` to `sum + probability` lead there, and no others.
          const draws = [sum === 0 ? 0 : sum + 1e-12, sum + probability - 1e-12]
          sum += probability
          for (const draw of draws) {
            const got = leadsTo(state, action, draw)
            if (got !== expected) wrong.push(`state ${state}, action ${action}, draw ${draw}: ${got}, not ${expected}`)
          }
        }
      }),
    )
    expect(wrong).toEqual([])
  },
)

test.each(CASES)('$id $config: episodes start where Gymnasium’s do', ({ file, id, config }) => {
  const env = makeEnv(id, config)
  const observation = new Float32Array(1)
  let sum = 0
  read(file).initial_dist.forEach((probability, state) => {
    if (probability === 0) return
    env.reset(observation, new Always(sum + 1e-9))
    expect(observation[0]).toBe(state)
    sum += probability
    env.reset(observation, new Always(sum - 1e-9))
    expect(observation[0]).toBe(state)
  })
  expect(sum).toBeCloseTo(1, 12)
})

test('a saved state that there is none of is refused', () => {
  const load = (state: number) => () => makeEnv('FrozenLake-v1').load!([state], new Random(0))
  expect(load(15)).not.toThrow()
  for (const state of [-1, 16, 0.5])
    expect(load(state)).toThrow(
      expect.objectContaining({
        code: 'E_ENV_CONFIG',
        message: expect.stringContaining(`is ${state}, expected one of 0 … 15`),
      }),
    )
})

test('a map that there is none of is refused, with those that there are', () => {
  expect(() => makeEnv('FrozenLake-v1', { mapName: '16x16' })).toThrow(
    expect.objectContaining({ code: 'E_ENV_CONFIG', message: expect.stringContaining("4x4 or 8x8, got '16x16'") }),
  )
})
