import { describe, expect, test } from 'vitest'
import { policyValueNetwork } from '../../../learner/networks/index.ts'
import { PolicyTemplate, initialWeights, input, layoutOf, seededUniform } from '../../../learner/tensor/index.ts'
import { concatFragments, rolloutColumnSpecs, trainInputs, validateFragment } from '../../../shared/batch/index.ts'
import { type EnvSource, makeVectorEnv } from '../../../shared/env/index.ts'
import { MODEL_OUTPUTS, PolicySession, PolicySpec, outputsOf, policySpecFor } from '../../../shared/policy/index.ts'
import { playEpisodes } from '../../../shared/rollout/episodes.ts'
import { Collector } from '../../../shared/rollout/index.ts'
import { Once, SayBoth, Spot } from '../env/ownSpaces.ts'

const [T, B] = [7, 5]

/** A policy that never learned anything; its logits are far from even. */
function freshModel(spec: PolicySpec): Uint8Array {
  const { shape, dtype } = spec.observation
  const outputs = outputsOf(spec)
  const network = policyValueNetwork({ hidden: [8] }, { shape, policyOutputs: outputs })
  const observations = input('observations', ['N', ...shape], dtype ?? 'float32')
  const graph = {
    name: 'p',
    inputs: [observations],
    outputs: { [MODEL_OUTPUTS[spec.distribution]]: network.apply(observations).policy },
  }
  const weights = initialWeights(network.parameters, seededUniform(1)).map((w) => 5 * w)
  return PolicyTemplate.of(graph, layoutOf(network.parameters)).withWeights(weights)
}

const specOf = (source: EnvSource): PolicySpec => {
  const env = makeVectorEnv(source, { numEnvs: 1 })
  return PolicySpec.parse(
    JSON.parse(JSON.stringify(policySpecFor(env.observationSpace, env.actionSpace, !!env.actionMasks))),
  )
}

describe.each([Once, SayBoth, Spot])('%o', (source) => {
  const spec = specOf(source)

  test('its fragments are what its policy promises, hold the masks, and go into a train step as they are', async () => {
    const env = makeVectorEnv(source, { numEnvs: B })
    const collector = new Collector({ env, fragmentLength: T, seed: 3, policy: spec })
    const session = await PolicySession.load(freshModel(spec), spec, env.observations)
    collector.usePolicy(session, 0)
    const columns = rolloutColumnSpecs(spec)
    const fragments = []
    for (let i = 0; i < 3; i++) {
      const fragment = await collector.collect()
      const batch = fragment.toBatch({ run: 'r', shard: 0, lease: 'l', sequence: i })
      validateFragment(batch, { T, B, columns })
      const copied = structuredClone(batch)
      for (const damage of damages(spec)) {
        const damaged = structuredClone(batch)
        const message = damage(damaged.columns)
        expect(() => validateFragment(damaged, { T, B, columns })).toThrow(
          expect.objectContaining({ code: 'E_BATCH_VALUE', message: expect.stringMatching(message) }),
        )
      }
      fragments.push(copied)
      fragment.release()
      checkMasks(copied.columns, spec)
    }
    await session.release()
    const { columns: fed } = trainInputs(concatFragments(fragments, columns))
    const bytes = spec.observation.dtype === 'uint8'
    expect([fed['observations']?.dtype, fed['extra_observations']?.dtype]).toEqual(
      bytes ? ['U8', 'U8'] : ['F32', 'F32'],
    )
    expect(fed['actions']?.dtype).toBe('I32')
    const choices = spec.action.kind === 'multiDiscrete' ? [2] : []
    expect(fed['actions']?.shape).toEqual([T, 3 * B, ...choices])
    expect(fed['action_mask']?.shape).toEqual(spec.masked && [T, 3 * B, outputsOf(spec)])
  })

  test('its episodes are played with the same rules', async () => {
    const play = { model: freshModel(spec), spec, config: {}, seed: 2, over: () => false }
    for (const stochastic of [false, true])
      expect(await playEpisodes(source, { ...play, episodes: 6, stochastic })).toHaveLength(6)
  })
})

type Columns = Parameters<typeof validateFragment>[0]['columns']

/** Ways in which a fragment can be wrong, each of which says what is complained of. */
function damages({ action, masked }: PolicySpec): readonly ((columns: Columns) => RegExp)[] {
  const actions = (columns: Columns) => columns['actions']?.data ?? new Uint8Array(0)
  const tooLarge = (columns: Columns) => {
    const [at, value] = action.kind === 'multiDiscrete' ? [2, 3] : [2, 6]
    actions(columns)[at] = value
    return /actions\[2\] is \d, expected 0 to/
  }
  const ruledOut = (columns: Columns) => {
    const width = action.kind === 'multiDiscrete' ? 3 : 0
    columns['action_mask']?.data.fill(0, 0, 7)
    columns['action_mask']?.data.fill(1, 0, width)
    return /actions\[[01]\] is \d, which action_mask rules out/
  }
  return masked ? [tooLarge, ruledOut] : [tooLarge]
}

/** Every action that was taken was allowed, and the masks rule something out. */
function checkMasks(columns: Columns, { action, masked }: PolicySpec): void {
  if (!masked || action.kind === 'box') return
  const nvec = action.kind === 'discrete' ? [action.n] : action.nvec
  const [mask, actions] = [columns['action_mask']?.data ?? [], columns['actions']?.data ?? []]
  const width = nvec.reduce((sum, n) => sum + n, 0)
  expect(Array.from(mask)).toContain(0)
  for (let row = 0; row < T * B; row++) {
    let from = row * width
    for (const [d, n] of nvec.entries()) {
      expect(mask[from + Number(actions[row * nvec.length + d])]).toBe(1)
      from += n
    }
  }
}

test('a policy for masked actions does not act without a mask', async () => {
  const spec = specOf(Once)
  const env = makeVectorEnv(Once, { numEnvs: B })
  const blind = Object.create(env, { actionMasks: { value: undefined } }) as typeof env
  const collector = new Collector({ env: blind, fragmentLength: T, seed: 3, policy: spec })
  const session = await PolicySession.load(freshModel(spec), spec, env.observations)
  collector.usePolicy(session, 0)
  await expect(collector.collect()).rejects.toThrow(/for masked actions, and there is no mask/)
  await session.release()
})
