// One run of one row: a process of its own by the command itself, then 100 greedy episodes with what it learned.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const main = new URL('../../dist/cli/main.js', import.meta.url).pathname

/** What the command prints as JSON. */
export function asked(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', maxBuffer: 1e8 })
  if (status !== 0) throw new Error(`millrace ${args.join(' ')} ended with status ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

/**
 * @param row of rows.mjs
 * @param {number} seed
 * @returns {Promise<{ seed: number, envSteps: number, seconds: number, trainingReturn: number | null, greedyReturn: number, reached: boolean }>}
 */
export async function measured(row, seed) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-learn-'))
  try {
    const out = join(folder, 'run')
    const began = performance.now()
    train(row, ['--seed', String(seed), '--out', out, '--quiet'], folder)
    const seconds = (performance.now() - began) / 1000
    const { reason, progress } = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))
    const { evaluate } = await import('../../dist/index.js')
    const { meanReturn } = await evaluate(out, { episodes: 100, seed: 0 })
    return {
      seed,
      envSteps: progress.envSteps,
      seconds: Number(seconds.toFixed(1)),
      trainingReturn: progress.meanReturn,
      greedyReturn: meanReturn,
      reached: reason === 'meanReturn',
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function train({ kind, env, algorithm, reach, within }, options, folder) {
  const named = ['--env', env, '--algorithm', algorithm]
  if (kind === 'defaults') {
    // As a user writes it: nothing is set but the end.
    const file = join(folder, 'defaults.ts')
    const stop = JSON.stringify({ meanReturn: reach, envSteps: within })
    const text = `import { experiment, ${algorithm} } from 'millrace'
export default experiment({ env: '${env}', algorithm: ${algorithm}(), stop: ${stop} })
`
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, text)
    named.splice(0, Infinity, file)
  }
  const { status } = spawnSync(process.execPath, [main, 'train', ...named, ...options], { stdio: 'inherit' })
  if (status !== 0 && status !== 2) throw new Error(`the run ended with status ${status}`) // 2: short of its goal
}
