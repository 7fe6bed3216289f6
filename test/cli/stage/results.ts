import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeResult } from '../../../library/run/records.ts'
import { createRunFolder } from '../../../library/run/runFolder.ts'
import { experiment } from '../../../learner/experiment.ts'
import type { RunStatus } from '../../../learner/stage/records.ts'
import type { PolicySpec } from '../../../shared/policy/spec.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { fakeAlgorithm } from '../fixtures/library.ts'
import { summaryAt, updateLine } from '../runs.ts'
import { type FakeStage, mutable, runningStatus } from './fakeStage.ts'

export const model = readFileSync(
  fileURLToPath(new URL('../../golden/policies/cartpole-4-64-64-2.onnx', import.meta.url)),
)
const spec: PolicySpec = {
  observation: { shape: [4] },
  action: { kind: 'discrete', n: 2 },
  distribution: 'categorical',
}

interface Ending {
  readonly reason?: 'meanReturn' | 'envSteps' | 'interrupted'
  readonly ownEnv?: boolean
}

/** Ends a run as its learner would: results and metrics in the bucket, then the status; the request goes. */
export async function endAtLearner(stage: FakeStage, run: string, ending: Ending = {}): Promise<RunStatus> {
  const { reason = 'meanReturn', ownEnv = false } = ending
  const summary = summaryAt(40, { run, reason })
  const folder = await createRunFolder(await mkdtemp(join(tmpdir(), 'millrace-test-')))
  const made = experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm(), stop: { meanReturn: 475 } })
  await writeResult(folder, { summary, policy: model, spec }, { env: 'CartPole-v1', experiment: made, ownEnv })
  await folder.writeJson('config.json', { format: 1, run })
  if (ownEnv) await folder.write('experiment.mjs', 'export default {}')
  await folder.release()
  for (const name of await readdir(folder.path))
    await stage.store.put(keys.result(run, name), await readFile(folder.file(name)))
  await rm(folder.path, { recursive: true })
  for (const [piece, [from, to]] of [
    [1, 20],
    [21, 40],
  ].entries())
    await stage.store.put(keys.metrics(run, piece), Buffer.from(lines(from ?? 0, to ?? 0)))
  const ended: RunStatus = {
    ...runningStatus(run, 40),
    state: 'ended',
    endedAt: stage.clock.now(),
    metricsPieces: 2,
    summary: mutable(summary),
  }
  await stage.writeStatus(ended)
  await stage.store.delete([keys.request(run)])
  return ended
}

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `${JSON.stringify(updateLine(from + i))}\n`).join('')
