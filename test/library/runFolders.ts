import { readFileSync } from 'node:fs'
import { createRunFolder } from '../../library/run/runFolder.ts'
import { writeResult } from '../../library/run/records.ts'
import { experiment } from '../../learner/experiment.ts'
import type { PolicySpec } from '../../shared/policy/index.ts'
import { fakeAlgorithm } from '../cli/fixtures/library.ts'
import { summaryAt } from '../cli/runs.ts'

/** A policy over CartPole's observations that never learned anything. */
export const policy = new Uint8Array(
  readFileSync(new URL('../golden/policies/cartpole-4-64-64-2.onnx', import.meta.url)),
)
export const spec: PolicySpec = {
  observation: { shape: [4] },
  action: { kind: 'discrete', n: 2 },
  distribution: 'categorical',
}

/** A folder as a run of CartPole leaves it. */
export async function runFolder(path: string): Promise<string> {
  const env = 'CartPole-v1'
  const folder = await createRunFolder(path)
  const made = experiment({ env, algorithm: fakeAlgorithm() })
  await writeResult(folder, { summary: summaryAt(40), policy, spec }, { env, experiment: made, ownEnv: false })
  return folder.path
}
