// A function without a cloud: an env, a program's policy, and stages over what it makes.
import { graphAtSource, type Program, type ProgramRunner } from '../../../learner/program/index.ts'
import { publishGraphs } from '../../../learner/publish/publishGraphs.ts'
import { Originals } from '../../../learner/publish/originals.ts'
import { type SampleBatch, rolloutColumnSpecs } from '../../../shared/batch/index.ts'
import { makeVectorEnv } from '../../../shared/env/index.ts'
import type { Observations } from '../../../shared/policy/session.ts'
import { PolicySession, type PolicySpec, policySpecFor } from '../../../shared/policy/index.ts'
import type { LeaseStage } from '../../../shared/protocol/lease.ts'
import { Collector } from '../../../shared/rollout/index.ts'
import { Graphs } from '../../../shared/stages/graphs.ts'
import { type OpenStages, openStages } from '../../../shared/stages/index.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'

export { graphAtSource }

/** What a policy of an env takes and gives. */
export function specOf(env: string): PolicySpec {
  const { observationSpace, actionSpace } = makeVectorEnv(env, { numEnvs: 1 })
  return policySpecFor(observationSpace, actionSpace)
}

export interface Source {
  /** The next fragment, with a copy of its columns. */
  step(sequence: number): Promise<SampleBatch>
  readonly stages: OpenStages
  /** Acts with the runner's weights of now. */
  usePolicy(version: number): Promise<void>
}

/** A function that steps `B` envs and does `stages` with fragments of `T` steps. */
export async function sourceOf(
  env: string,
  runner: ProgramRunner,
  program: Program,
  stages: readonly LeaseStage[],
  { T, B }: { readonly T: number; readonly B: number },
): Promise<Source> {
  const store = memoryStore()
  const graphs = await publishGraphs(stages, program, { run: 'run', store, originals: new Originals(store) })
  const spec = specOf(env)
  const collector = new Collector({
    env: makeVectorEnv(env, { numEnvs: B }),
    fragmentLength: T,
    seed: 3,
    maxFragments: 8,
  })
  const open = new Graphs()
  const from = { store, onGet: () => undefined }
  let policy: { readonly version: number; readonly model: Uint8Array; readonly session: PolicySession } | undefined
  const current = () => {
    if (!policy) throw new Error('no policy yet')
    const { session, ...rest } = policy
    return { ...rest, values: async (observations: Observations) => await session.values(observations) }
  }
  const ports = {
    T,
    B,
    seed: 5,
    shard: 0,
    policy: current,
    graph: async (name: string) => await open.named({ graphs }, name, from),
  }
  return {
    stages: await openStages({ stages, graphs }, ports, rolloutColumnSpecs(spec)),
    async step(sequence) {
      const fragment = await collector.collect()
      const batch = structuredClone(fragment.toBatch({ run: 'run', shard: 0, lease: '0-0', sequence }))
      fragment.release()
      return batch
    },
    async usePolicy(version) {
      const model = runner.policy('default')
      const session = await PolicySession.load(model, spec, B)
      collector.usePolicy(session, version)
      policy = { version, model, session }
    },
  }
}
