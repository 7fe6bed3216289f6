import { readFileSync } from 'node:fs'
import { network } from '../../../learner/networks/index.ts'
import {
  PolicyTemplate,
  flatten,
  initialWeights,
  input,
  layoutOf,
  seededUniform,
} from '../../../learner/tensor/index.ts'
import type { BatchQueue, Clock, ObjectStore } from '../../../shared/cloud/ports.ts'
import { systemClock } from '../../../shared/cloud/clock.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { openFragment } from '../../../shared/batch/index.ts'
import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { EnvSource } from '../../../shared/env/index.ts'
import type { Lease, LeaseReport } from '../../../shared/protocol/lease.ts'
import { type Manifest, encodeManifest, halfOf } from '../../../shared/protocol/manifest.ts'
import { type FragmentMessage, type Message, parseMessage } from '../../../shared/protocol/message.ts'
import { RolloutWorker, RolloutWorkers, runInvocation } from '../../../shared/rollout/index.ts'
import type { VirtualClock } from '../../fakes/virtualClock.ts'

/** A policy over CartPole's observations that never learned anything. */
export const cartPoleModel = new Uint8Array(
  readFileSync(new URL('../../golden/policies/cartpole-4-64-64-2.onnx', import.meta.url)),
)

/** A freshly initialised policy for observations of this shape. */
export function freshModel(observationShape: readonly number[], actions: number, seed: number): Uint8Array {
  const built = network({
    shape: observationShape,
    torso: { kind: 'mlp', hidden: [8], activation: 'tanh' },
    outputs: { logits: { size: actions, gain: 0.01 }, value: { size: 1, gain: 1 } },
    shared: true,
  })
  const observations = input('observations', ['N', ...observationShape])
  const { logits, value } = built.apply(observations)
  const graph = { name: 'policy', inputs: [observations], outputs: { logits, value: flatten(value) } }
  const template = PolicyTemplate.of(graph, layoutOf(built.parameters))
  return template.withWeights(initialWeights(built.parameters, seededUniform(seed)))
}

export const RUN = 'run-1'
export const FAR_FUTURE = 9e15

/** A small lease on CartPole that ends after three fragments of [5, 4]. */
export function leaseOf(changes: Partial<Lease> = {}): Lease {
  return {
    run: RUN,
    shard: 0,
    lease: 'lease-0',
    token: '5f70bf18a086007016e948b04aed3b82',
    firstSequence: 0,
    env: { id: 'CartPole-v1', config: {} },
    policy: { observation: { shape: [4] }, action: { kind: 'discrete', n: 2 }, distribution: 'categorical' },
    numEnvs: 4,
    fragmentLength: 5,
    maxFragments: 3,
    deadline: FAR_FUTURE,
    pacing: { mode: 'newest', perVersion: 1000, lead: 1, patienceMs: 1000 },
    stages: [],
    exploration: {},
    seed: 7,
    bucket: 'bucket',
    queueUrl: 'queue',
    spillAboveBytes: 300_000,
    compress: false,
    maxSendsInFlight: 2,
    manifestPollMs: 0,
    ...changes,
  }
}

export interface Published {
  readonly version?: number
  readonly model?: Uint8Array
  /** The model in the manifest too, as small ones are. */
  readonly inline?: boolean
  readonly run?: string
}

/** Halves of the hashes of the models in a store, by their keys. */
const published = new WeakMap<ObjectStore, Map<string, string>>()

/** Writes a policy and the manifest that names it, as the learner does. */
export async function publish(
  store: ObjectStore,
  { version = 0, model = cartPoleModel, inline = true, run = RUN }: Published = {},
  changes: Partial<Manifest> = {},
): Promise<Manifest> {
  const key = keys.policy(run, version)
  await store.put(key, model)
  // As the learner does, it says which of the versions before it are there.
  const known = published.get(store) ?? new Map<string, string>()
  published.set(store, known.set(key, halfOf(sha256Hex(model))))
  const earlier = Array.from({ length: version }, (_, v): [number, string] => [v, known.get(keys.policy(run, v)) ?? ''])
  const manifest: Manifest = {
    format: 1,
    run,
    policy: {
      version,
      key,
      sha256: sha256Hex(model),
      ...(inline ? { inline: Buffer.from(model).toString('base64') } : {}),
    },
    earlier: earlier.filter(([, half]) => half !== ''),
    consumed: [0],
    heartbeatUntil: FAR_FUTURE,
    stop: false,
    ...changes,
  }
  await store.put(keys.manifest(run), encodeManifest(manifest))
  return manifest
}

export interface World {
  readonly store: ObjectStore
  readonly queue: BatchQueue
  readonly clock?: Clock
  readonly worker?: RolloutWorker
  readonly source?: EnvSource
  readonly signal?: AbortSignal
  readonly loadMs?: number
}

/** Works on a lease as the handler does, with fakes for the cloud. */
export async function work(lease: Lease, world: World): Promise<LeaseReport> {
  const { worker = new RolloutWorker(), ...rest } = world
  const [report] = await workAll([lease], { ...rest, workers: [worker] })
  if (!report) throw new Error('no report')
  return report
}

/** The same of several, by one function. */
export function workAll(
  leases: readonly [Lease, ...Lease[]],
  world: Omit<World, 'worker'> & { readonly workers?: readonly RolloutWorker[] },
): Promise<readonly LeaseReport[]> {
  const { store, queue, clock = systemClock, workers = new RolloutWorkers().take(leases.length), source } = world
  return runInvocation({
    leases,
    ports: { store, queue, clock },
    workers,
    source: async ({ env }) => source ?? env.id,
    signal: world.signal ?? new AbortController().signal,
    coldStart: true,
    ...(world.loadMs === undefined ? {} : { loadMs: world.loadMs }),
  })
}

/** Everything on a queue, in order, taken off it. */
export async function drain(queue: BatchQueue): Promise<Message[]> {
  const messages: Message[] = []
  for (;;) {
    const received = await queue.receive({ max: 10, waitMs: 0 })
    if (received.length === 0) return messages
    for (const { body } of received) {
      const message = parseMessage(body)
      if (message.kind !== 'invocationFailed') messages.push(message)
    }
    await queue.delete(received)
  }
}

export const fragmentsOf = (messages: readonly Message[]): FragmentMessage[] =>
  messages.filter((message) => message.kind === 'fragment')

export const opened = (messages: readonly Message[], store: ObjectStore): Promise<SampleBatch[]> =>
  Promise.all(fragmentsOf(messages).map((message) => openFragment(message, store)))

/** Moves a virtual clock on until a promise has settled. */
export async function driven<T>(clock: VirtualClock, promise: Promise<T>, stepMs = 1): Promise<T> {
  let settled = false
  const watched = promise.finally(() => {
    settled = true
  })
  watched.catch(() => undefined)
  while (!settled) await clock.advance(stepMs)
  return watched
}
