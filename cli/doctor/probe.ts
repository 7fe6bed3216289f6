import { network } from '../../learner/networks/index.ts'
import { input, layoutOf, PolicyTemplate } from '../../learner/tensor/index.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { policySpecFor } from '../../shared/policy/index.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { CartPole } from '../../shared/env/index.ts'
import { keys } from '../../shared/protocol/keys.ts'
import type { Lease } from '../../shared/protocol/lease.ts'
import { encodeManifest } from '../../shared/protocol/manifest.ts'
import type { DoctorContext } from './context.ts'

/** A fragment of 10 steps of 4 envs. */
const SHAPE = { numEnvs: 4, fragmentLength: 10 } as const

interface ProbePolicy {
  readonly model: Uint8Array
  readonly spec: PolicySpec
}

/** A policy for CartPole that knows nothing: every weight is zero, so both actions are equally likely. */
export function probePolicy(): ProbePolicy {
  const { observationSpace, actionSpace } = new CartPole()
  const spec = policySpecFor(observationSpace, actionSpace)
  const built = network({
    shape: spec.observation.shape,
    torso: { kind: 'mlp', hidden: [8], activation: 'tanh' },
    outputs: { logits: { size: actionSpace.n, gain: 0.01 } },
    shared: true,
  })
  const observations = input('observations', ['N', ...spec.observation.shape])
  const layout = layoutOf(built.parameters)
  const graph = { name: 'policy', inputs: [observations], outputs: built.apply(observations) }
  return { model: PolicyTemplate.of(graph, layout).withWeights(new Float32Array(layout.size)), spec }
}

/** Puts the policy and a manifest that names it where functions look for them, as a learner does. */
export async function publishProbe({ stage, name, clock, limits }: DoctorContext): Promise<ProbePolicy> {
  const policy = probePolicy()
  const key = keys.policy(name, 0)
  await stage.store.put(key, policy.model)
  const manifest = encodeManifest({
    format: 1,
    run: name,
    policy: { version: 0, key, sha256: sha256Hex(policy.model) },
    consumed: [0],
    heartbeatUntil: clock.now() + limits.functions,
    stop: false,
  })
  await stage.store.put(keys.manifest(name), manifest)
  return policy
}

/** A lease that ends after one fragment. */
export function probeLease({ stage, name, clock, limits }: DoctorContext, spec: PolicySpec, lease: string): Lease {
  const { bucket, queueUrl, timeoutSeconds } = stage.description
  return {
    run: name,
    shard: 0,
    lease,
    firstSequence: 0,
    env: { id: 'CartPole-v1', config: {} },
    policy: spec,
    ...SHAPE,
    maxFragments: 1,
    deadline: clock.now() + Math.min(limits.functions, timeoutSeconds * 1000),
    pacing: { mode: 'newest', perVersion: 1, lead: 0, patienceMs: 1000 },
    stages: [],
    exploration: {},
    seed: 1,
    bucket,
    queueUrl,
    spillAboveBytes: 300_000,
    compress: true,
    maxSendsInFlight: 1,
    manifestPollMs: 1000,
  }
}
