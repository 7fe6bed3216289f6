// Sixteen streams of experience on one, four and sixteen functions of the emulated cloud. Needs dist/.
import { expect, test } from 'vitest'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { a2c } from '../../learner/algorithms/a2c.ts'
import { impala } from '../../learner/algorithms/impala.ts'
import { experiment, withOverrides } from '../../learner/experiment.ts'
import type { UpdateLine } from '../../learner/run/observer.ts'
import { type TrainOptions, train } from '../../learner/run/service.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { parseInvocation } from '../../shared/protocol/invocation.ts'
import { functionsOf } from './processes.ts'

const UPDATES = 40
const rollouts = { shards: 16, envsPerShard: 2, fragmentLength: 10, leaseSeconds: 1 }
const experiments = {
  impala: experiment({
    env: 'CartPole-v1',
    algorithm: impala({ hidden: [16], trainBatchSteps: 320, deterministic: true }),
    rollouts,
    stop: { envSteps: UPDATES * 320 },
  }),
  a2c: experiment({
    env: 'CartPole-v1',
    algorithm: a2c({ hidden: [16], trainBatchSteps: 320 }),
    rollouts,
    stop: { envSteps: UPDATES * 320 },
  }),
}

interface Happens {
  readonly functions: number
  /** Updates at which a function is killed. */
  readonly kills?: readonly number[]
  /** The learner is interrupted at this update. */
  readonly until?: number
  readonly resume?: Uint8Array | undefined
}

async function resultOf(name: keyof typeof experiments, { functions, kills = [], until, resume }: Happens) {
  const cloud = await emulatedRunCloud()
  const abort = new AbortController()
  const lines: UpdateLine[] = []
  const leasesOf: number[] = []
  let checkpoint: Uint8Array | undefined
  const options: TrainOptions = {
    run: resume ? 'streams.2' : 'streams',
    cloud: {
      ...cloud,
      invoker: {
        invoke(payload) {
          leasesOf.push(parseInvocation(JSON.parse(new TextDecoder().decode(payload))).length)
          return cloud.invoker.invoke(payload)
        },
      },
    },
    observer: {
      onUpdate(line) {
        lines.push({ ...line, atMs: 0 })
        if (kills.includes(line.updates)) process.kill(functionsOf(process.pid)[0] ?? 0, 'SIGKILL')
        if (line.updates === until) abort.abort()
      },
    },
    signal: abort.signal,
    checkpoint: { everyMs: 1e9, save: async (bytes) => void (checkpoint = bytes) },
    ...(resume && { resume, attempt: 2 }),
  }
  try {
    const set = { 'rollouts.functions': String(functions) }
    const { policy, summary } = await train(withOverrides(experiments[name], set), options)
    const { deterministic } = summary
    return { result: { hash: sha256Hex(policy), lines, deterministic }, leasesOf, checkpoint }
  } finally {
    await cloud.close()
  }
}

test.each(['impala', 'a2c'] as const)(
  'one policy by the same lines with 1, 4 and 16 functions over many leases, after a kill, and resumed with another number (%s)',
  { timeout: 300_000 },
  async (name) => {
    const { result: all, leasesOf } = await resultOf(name, { functions: 16 })
    expect(all).toMatchObject({ deterministic: undefined, lines: { length: UPDATES } })
    expect(Math.max(...leasesOf)).toBe(1)
    const some = await resultOf(name, { functions: 4, kills: [9, 25] })
    expect(some.result).toEqual(all)
    expect(some.leasesOf.slice(0, 4)).toEqual([4, 4, 4, 4])
    const one = await resultOf(name, { functions: 1 })
    expect(one.result).toEqual(all)
    expect(one.leasesOf[0]).toBe(16)
    const begun = await resultOf(name, { functions: 1, until: 17 })
    const { result: resumed } = await resultOf(name, { functions: 4, resume: begun.checkpoint })
    expect(resumed.hash).toBe(all.hash)
    expect(resumed.deterministic).toBeUndefined()
    expect(resumed.lines.at(-1)).toEqual(all.lines.at(-1))
  },
)
