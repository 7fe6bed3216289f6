// Deterministic runs on the emulated cloud, to which things happen. Needs dist/.
import { expect, test } from 'vitest'
import cartpole from '../../examples/cartpole.ts'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { withOverrides } from '../../learner/experiment.ts'
import type { RunCloud } from '../../learner/runCloud.ts'
import { train } from '../../learner/service.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { functionsOf } from './processes.ts'

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

async function policyOf(changes: Readonly<Record<string, string>>, kills: readonly number[], damage: boolean) {
  const set = { 'algorithm.deterministic': 'true', 'stop.envSteps': '25600', 'stop.meanReturn': '600' }
  const cloud = await emulatedRunCloud()
  try {
    const { policy, summary } = await train(withOverrides(cartpole, { ...set, ...changes }), {
      run: 'exact',
      cloud: damage ? damaging(cloud) : cloud,
      observer: {
        onUpdate({ updates }) {
          if (kills.includes(updates)) process.kill(functionsOf(process.pid)[0] ?? 0, 'SIGKILL')
        },
      },
    })
    return { hash: sha256Hex(policy), deterministic: summary.deterministic, corrupt: summary.progress.dropped.corrupt }
  } finally {
    await cloud.close()
  }
}

test(
  'short leases, killed functions and damaged bodies: a deterministic run comes to the same policy',
  { timeout: 180_000 },
  async () => {
    const spilled = { 'rollouts.spillAboveBytes': '0' }
    const calm = await policyOf({}, [], false)
    expect(calm.deterministic).toBeUndefined()
    expect(await policyOf({ 'rollouts.leaseSeconds': '1' }, [10, 25], false)).toEqual(calm)
    expect(await policyOf(spilled, [15], true)).toEqual({ ...calm, corrupt: 3 })
  },
)
