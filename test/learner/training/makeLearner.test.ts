import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { impala } from '../../../learner/algorithms/impala.ts'
import { experiment } from '../../../learner/experiment.ts'
import { planOf } from '../../../learner/planOf.ts'
import type { EngineName } from '../../../learner/training/engine.ts'
import { makeLearner } from '../../../learner/training/makeLearner.ts'
import type { PolicySpec } from '../../../shared/policy/spec.ts'

const policy: PolicySpec = {
  observation: { shape: [2] },
  action: { kind: 'discrete', n: 2 },
  distribution: 'categorical',
}

const onnxruntime = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
const cuda = existsSync(
  join(onnxruntime, `bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime_providers_cuda.so`),
)

/** Builds the learner and its engine; gives back what loading the engine failed with. */
async function failure(chosen: 'onnxruntime' | 'tfjs', engine: EngineName | undefined): Promise<unknown> {
  const one = experiment({ env: 'Identity-v0', algorithm: impala({ engine: chosen, hidden: [4] }) })
  const learner = makeLearner(one, { setting: planOf(one).setting, policy, trainWorker: undefined, engine })
  try {
    await learner.save()
    await learner.close()
    return undefined
  } catch (error) {
    return error
  }
}

test.skipIf(cuda)(
  'the machine’s engine is taken: where CUDA is not there, asking for it fails with one sentence and never falls back in silence',
  async () => {
    expect(await failure('onnxruntime', undefined)).toBeUndefined()
    expect(await failure('onnxruntime', 'onnxruntime-cpu')).toBeUndefined()
    expect(await failure('onnxruntime', 'onnxruntime-cuda')).toMatchObject({
      code: 'E_ENGINE',
      message: expect.stringContaining('could not be loaded by onnxruntime (cuda)'),
    })
  },
)

test('an experiment that asks for tfjs gets it whatever the machine would take', async () => {
  expect(await failure('tfjs', 'onnxruntime-cuda')).toBeUndefined()
})
