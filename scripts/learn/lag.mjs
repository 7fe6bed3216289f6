// node scripts/learn/lag.mjs [seeds]: IMPALA on CartPole with every batch stepped by a policy exactly 0, 1 and 4 updates old, with V-trace and without
// it. Prints the env steps to a mean return of 475, or that 400,000 were not enough. Needs dist/; some minutes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const main = new URL('../../dist/cli/main.js', import.meta.url).pathname
const seeds = Number(process.argv[2] ?? 3)
const WITHIN = 400_000

function stepsToGoal(settings, seed) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-lag-'))
  try {
    const file = join(folder, 'lag.ts')
    const stop = JSON.stringify({ meanReturn: 475, envSteps: WITHIN })
    writeFileSync(
      file,
      `import { experiment, impala } from 'millrace'
export default experiment({ env: 'CartPole-v1', algorithm: impala(${JSON.stringify(settings)}), stop: ${stop} })
`,
    )
    const out = join(folder, 'run')
    const args = ['train', file, '--seed', String(seed), '--out', out, '--quiet']
    const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })
    if (status !== 0 && status !== 2) throw new Error(`${args.join(' ')} ended with status ${status}: ${stderr}`)
    const { reason, progress } = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))
    return reason === 'meanReturn' ? String(progress.envSteps) : `not (${progress.meanReturn})`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const correction of ['vtrace', 'none'])
  for (const lead of [0, 1, 4]) {
    const settings = { lead, correction, deterministic: true, ...(lead === 0 && { maxPolicyLag: 0 }) }
    const steps = Array.from({ length: seeds }, (_, i) => stepsToGoal(settings, i + 1))
    console.log(`lag ${lead}, ${correction}: ${steps.join(', ')}`)
  }
