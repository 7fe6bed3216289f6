// Deterministic runs with short and long leases, through the built command. Needs dist/.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from './folders.ts'
import { runCommand } from './processes.ts'

const folder = freshFolder()

test('a deterministic run of an env that can be saved gives one policy, however long its leases are', async () => {
  const policies: string[] = []
  for (const leaseSeconds of [1, 1, 120]) {
    const run = `run-${policies.length}`
    const settings = [`rollouts.leaseSeconds=${leaseSeconds}`, 'stop.envSteps=40000', 'stop.meanReturn=600']
    const { code, err } = await runCommand(['train', 'cartpole', '--quiet', '--out', run, ...settings], {
      cwd: folder(),
    })
    expect({ code, err }).toEqual({ code: 2, err: '' }) // these few steps do not reach 600
    policies.push(
      createHash('sha256')
        .update(readFileSync(join(folder(), run, 'policy.onnx')))
        .digest('hex'),
    )
  }
  expect(new Set(policies).size).toBe(1)
})
