// Deterministic runs on the emulated cloud, to which things happen. Needs dist/.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import cartpole from '../../examples/cartpole.ts'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { a3c } from '../../learner/algorithms/a3c.ts'
import { ddppo } from '../../learner/algorithms/ddppo.ts'
import { type Experiment, experiment, withOverrides } from '../../learner/experiment.ts'
import type { UpdateLine } from '../../learner/run/observer.ts'
import type { RunCloud } from '../../learner/run/cloud.ts'
import { train } from '../../learner/run/service.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { type FaultInput, FaultSetting } from '../../shared/faults/index.ts'
import { bundleEnvCode, loadExperiment } from '../../library/load/loadExperiment.ts'
import { freshFolder } from './folders.ts'
import { functionsOf } from './processes.ts'

const folder = freshFolder()

/** Every third body of a fragment that is read comes flipped, cut or not at all, 3 of them. */
function damaging(cloud: RunCloud): RunCloud {
  let [reads, damaged] = [0, 0]
  return {
    ...cloud,
    store: {
      ...cloud.store,
      async get(key, options) {
        const found = await cloud.store.get(key, options)
        if (found.kind !== 'found' || !key.startsWith('batches/') || ++reads % 3 !== 0 || damaged === 3) return found
        damaged++
        if (damaged === 1) return { kind: 'absent' }
        if (damaged === 2) return { ...found, body: found.body.slice(0, -100) }
        const body = found.body.slice()
        body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1
        return { ...found, body }
      },
    },
  }
}

interface Happens {
  /** Updates at which a function is killed. */
  readonly kills?: readonly number[]
  readonly damage?: boolean
  readonly faults?: FaultInput
}

/** CartPole, or an env of a user's own. */
async function resultOf(
  changes: Readonly<Record<string, string>>,
  { kills = [], damage = false, faults }: Happens = {},
  { experiment: given, envCode }: { experiment: Experiment; envCode?: Uint8Array } = { experiment: cartpole },
) {
  const isChoice = 'deterministic' in given.algorithm.config
  const set = {
    ...(isChoice && { 'algorithm.deterministic': 'true' }),
    'stop.envSteps': '25600',
    'stop.meanReturn': '600',
  }
  const cloud = await emulatedRunCloud({ faults: faults && FaultSetting.parse(faults) })
  const lines: UpdateLine[] = []
  try {
    const { policy, summary } = await train(withOverrides(given, { ...set, ...changes }), {
      run: 'exact',
      ...(envCode && { envCode }),
      cloud: damage ? damaging(cloud) : cloud,
      observer: {
        onUpdate(line) {
          lines.push({ ...line, atMs: 0 })
          if (kills.includes(line.updates)) process.kill(functionsOf(process.pid)[0] ?? 0, 'SIGKILL')
        },
      },
    })
    const { deterministic, progress } = summary
    const injected = cloud.faultReport?.().injected ?? {}
    return {
      result: { hash: sha256Hex(policy), lines, deterministic },
      corrupt: progress.dropped.corrupt,
      injected,
    }
  } finally {
    await cloud.close()
  }
}

/** What happens to functions and messages; crashes are of leases. */
const WEATHER: FaultInput = {
  crash: { beforeSends: 0.05, duringSends: 0.1, afterSends: 0.1 },
  messages: { duplicate: 0.1, redeliver: 0.1, delay: 0.05, delayMs: 200, reorder: 0.2 },
  outage: { everyMs: 3_000, forMs: 400 },
  // The first comes at once, however short the run is.
  elapsedMs: 2_300,
}
/** What happens to bytes and calls. A goodbye that is damaged costs a lease's time, so leases are long. */
const DAMAGE: FaultInput = {
  messages: { corrupt: 0.02 },
  objects: { corrupt: 0.02 },
  calls: { '*': { throttle: 0.01, error: 0.01, slow: 0.05, slowMs: 30, dropBefore: 0.005, dropAfter: 0.005 } },
}

test(
  'short leases, killed functions, damaged bodies, faults of every kind: a deterministic run comes to the same policy by the same lines',
  { timeout: 180_000 },
  async () => {
    const spilled = { 'rollouts.spillAboveBytes': '0' }
    const short = { 'rollouts.leaseSeconds': '1' }
    const { result: calm } = await resultOf({})
    expect(calm).toMatchObject({ deterministic: undefined, lines: { length: 40 } })
    expect((await resultOf(short, { kills: [10, 25] })).result).toEqual(calm)
    expect(await resultOf(spilled, { kills: [15], damage: true })).toMatchObject({ result: calm, corrupt: 3 })
    const weathered = await resultOf(short, { faults: WEATHER })
    const damaged = await resultOf(spilled, { faults: DAMAGE })
    expect([weathered.result, damaged.result]).toEqual([calm, calm])
    const kinds = Object.keys({ ...weathered.injected, ...damaged.injected }).join()
    for (const kind of [
      'crash',
      'message duplicated',
      'delivered twice',
      'delayed',
      'reordered',
      'outage',
      'object',
      '5xx',
    ])
      expect(kinds).toContain(kind)
  },
)

test.each([
  ['A3C', a3c({ hidden: [16] }), 80],
  ['DD-PPO', ddppo({ hidden: [16], epochs: 2, minibatchSteps: 160 }), 157],
] as const)(
  'gradients that functions compute: %s comes to the same policy by the same lines, whatever its leases and functions do',
  { timeout: 180_000 },
  async (_, algorithm, updates) => {
    const own = { experiment: experiment({ env: 'CartPole-v1', algorithm, rollouts: cartpole.rollouts, seed: 3 }) }
    const { result: calm } = await resultOf({}, {}, own)
    expect(calm).toMatchObject({ deterministic: undefined, lines: { length: updates } })
    const short = { 'rollouts.leaseSeconds': '1' }
    const kills = [Math.floor(updates / 3), Math.floor(updates / 2) + 1]
    expect((await resultOf(short, { kills }, own)).result).toEqual(calm)
    expect((await resultOf(short, { faults: WEATHER }, own)).result).toEqual(calm)
    const spilled = { 'rollouts.spillAboveBytes': '0' }
    expect(await resultOf(spilled, { damage: true }, own)).toMatchObject({ result: calm, corrupt: 3 })
  },
)

/** It walks in noise, and has neither save nor load. */
const driftBy = (algorithm: string) => `import { ddppo, experiment, impala } from 'millrace'
  class Drift {
    static maxEpisodeSteps = 30
    observationSpace = { kind: 'box', shape: [1], low: -Infinity, high: Infinity }
    actionSpace = { kind: 'discrete', n: 2 }
    reset(observation, random) {
      this.random = random
      this.at = observation[0] = 0
    }
    step(action, observation) {
      this.at += action + this.random.uniform() - 1
      observation[0] = this.at
      return { reward: -Math.abs(this.at), terminated: Math.abs(this.at) > 4, truncated: false }
    }
  }
  export default experiment({
    env: Drift,
    algorithm: ${algorithm},
    rollouts: { shards: 2, envsPerShard: 16, fragmentLength: 20, leaseFragments: 7 },
  })`

test.each([
  ['impala({ trainBatchSteps: 640, hidden: [16] })', 40],
  ['ddppo({ hidden: [16], epochs: 2, minibatchSteps: 160 })', 157],
])(
  'a deterministic run of an env without save and load comes to the same policy by the same lines, whatever its leases and functions do: %s',
  { timeout: 180_000 },
  async (algorithm, updates) => {
    writeFileSync(join(folder(), 'drift.js'), driftBy(algorithm))
    const { experiment: drift, file } = await loadExperiment('drift.js', { cwd: folder() })
    const own = { experiment: drift, envCode: await bundleEnvCode(file) }
    const { result: calm } = await resultOf({}, {}, own)
    expect(calm).toMatchObject({ deterministic: undefined, lines: { length: updates } })
    const happens = { kills: [9, 25], faults: { messages: { duplicate: 0.1, reorder: 0.2 } } }
    expect((await resultOf({ 'rollouts.leaseSeconds': '5' }, happens, own)).result).toEqual(calm)
  },
)
