import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { type Head, makeHead } from '../../learner/heads/index.ts'
import { policyValueNetwork } from '../../learner/networks/index.ts'
import { PolicyTemplate, initialWeights, input, layoutOf, seededUniform } from '../../learner/tensor/index.ts'
import { type Action, loadPolicy } from '../../library/policy.ts'
import { MODEL_OUTPUTS, PolicySpec } from '../../shared/policy/index.ts'
import { Random } from '../../shared/random.ts'

const page = readFileSync(join(packageRoot(), 'docs/library.md'), 'utf8')
const program = [...page.matchAll(/```js\n([^]*?)```/g)]
  .map(([, code]) => code ?? '')
  .find((code) => code.includes('export async function act'))
type Act = (folder: string, numbers: readonly number[], mask?: readonly number[]) => Promise<number[]>

// Inside the checkout, where its import of onnxruntime-node is found.
const folder = mkdtempSync(join(packageRoot(), '.policy-alone-'))
afterAll(() => rmSync(folder, { recursive: true }))

const box = { kind: 'box', shape: [2], low: [-2, 0], high: 3 } as const
const image = { shape: [4, 5, 2], dtype: 'uint8', high: 255 } as const
const CASES: readonly (readonly [PolicySpec, Head])[] = [
  [
    { observation: { shape: [3] }, action: { kind: 'discrete', n: 4 }, distribution: 'categorical', masked: true },
    makeHead('categorical', { actions: 4 }),
  ],
  [
    {
      observation: { ...image, shape: [...image.shape] },
      action: { kind: 'multiDiscrete', nvec: [3, 4] },
      distribution: 'multiDiscrete',
    },
    makeHead('multiDiscrete', { choices: [3, 4] }),
  ],
  ...(['gaussian', 'squashedGaussian'] as const).map(
    (kind) => [boxed(kind), makeHead(kind, { dimensions: 2, logStd: 'network' })] as const,
  ),
  [boxed('deterministic'), makeHead('deterministic', { dimensions: 2 })],
]

function boxed(distribution: 'gaussian' | 'squashedGaussian' | 'deterministic'): PolicySpec {
  return PolicySpec.parse({ observation: { shape: [3] }, action: box, distribution })
}

/** A policy that never learned anything, whose actions differ much. */
function model(spec: PolicySpec, head: Head): Uint8Array {
  const { shape, dtype, high = 1 } = spec.observation
  const network = policyValueNetwork({ hidden: [8], scale: 1 / high }, { shape, policyOutputs: head.outputs })
  const observations = input('observations', ['N', ...shape], dtype ?? 'float32')
  const outputs = { [MODEL_OUTPUTS[spec.distribution]]: head.params(network.apply(observations).policy) }
  const parameters = [...network.parameters, ...head.parameters]
  const weights = initialWeights(parameters, seededUniform(1)).map((w) => 8 * w)
  return PolicyTemplate.of({ name: 'p', inputs: [observations], outputs }, layoutOf(parameters)).withWeights(weights)
}

test.each(CASES)('the program of the page acts as loadPolicy does: %o', async (spec, head) => {
  writeFileSync(join(folder, 'act.mjs'), program ?? '')
  const { act } = (await import(pathToFileURL(join(folder, 'act.mjs')).href)) as { act: Act }
  const policy = model(spec, head)
  writeFileSync(join(folder, 'policy.json'), JSON.stringify({ spec }))
  writeFileSync(join(folder, 'policy.onnx'), policy)
  await using loaded = await loadPolicy<Action>({ policy, spec })
  const random = new Random(5)
  const size = spec.observation.shape.reduce((a, b) => a * b, 1)
  const seen = new Set<string>()
  for (let i = 0; i < 30; i++) {
    const observation = Array.from({ length: size }, () =>
      spec.observation.dtype ? (random.uniform() < 0.1 ? random.integer(256) : 0) : 4 * random.normal(),
    )
    const mask = spec.masked && [1, Number(i % 2), 1, Number(i % 3 > 0)]
    const action = await loaded.act(observation, mask ? { mask } : {})
    const alone = await act(folder, observation, ...(mask ? [mask] : []))
    const expected = typeof action === 'number' ? [action] : [...action]
    expect(alone).toHaveLength(expected.length)
    for (const [d, value] of alone.entries()) expect(value).toBeCloseTo(expected[d] ?? Number.NaN, 5)
    if (mask && typeof action === 'number') expect(mask[action]).toBe(1)
    seen.add(alone.map((x) => x.toFixed(3)).join())
  }
  expect(seen.size).toBeGreaterThan(1)
  if (!spec.masked) return
  await expect(loaded.act([0, 0, 0])).rejects.toThrow(/needs a mask: 4 flags for every observation, of Discrete\(4\)/)
  await expect(loaded.act([0, 0, 0], { mask: [1, 0] })).rejects.toThrow(/mask has 2 flags for 1 observations/)
})
