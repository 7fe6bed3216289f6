// npm run compare -- <other checkout> [--seeds 1,2,3] [--bench rollout,train] [--rounds 3]: whether this checkout learns bit for bit as the other one does
// (the policy of examples/cartpole.ts, seed by seed), and how fast it is beside it. Both are bundled first and run on this machine, in turn: bits are
// compared between checkouts and never with a constant, since another machine may round otherwise. Ends with 1 where a policy differs, or a bench row
// is under 0.97 of the other's.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

/** A row of the other checkout's may be so much faster: the noise of a quiet machine. */
export const LEAST_RATIO = 0.97

/** Trains a checkout's own example with its own command. @returns {{ sha256: string, envSteps: number, meanReturn: number }} */
export function trained(checkout, seed) {
  const out = mkdtempSync(join(tmpdir(), 'millrace-compare-'))
  try {
    const args = [
      'train',
      join(checkout, 'examples/cartpole.ts'),
      '--seed',
      String(seed),
      '--out',
      join(out, 'run'),
      '--quiet',
    ]
    ran(checkout, ['dist/cli/main.js', ...args])
    const { progress } = JSON.parse(readFileSync(join(out, 'run/summary.json'), 'utf8'))
    const sha256 = createHash('sha256')
      .update(readFileSync(join(out, 'run/policy.onnx')))
      .digest('hex')
    return { sha256, envSteps: progress.envSteps, meanReturn: progress.meanReturn }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

/** Ratios to their baselines of some bench rows, by name: higher is better. */
function benched(checkout, names) {
  const { rows } = JSON.parse(ran(checkout, ['.millrace/bench/main.mjs', '--json', ...names]))
  return Object.fromEntries(rows.map(({ name, ratio }) => [name, ratio]))
}

function ran(checkout, args) {
  const options = { cwd: checkout, encoding: 'utf8', maxBuffer: 1e8, stdio: ['ignore', 'pipe', 'pipe'] }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  if (status === 0 || (status === 2 && args.includes('train'))) return stdout // 2: a run that ended short of its goal
  throw new Error(`${checkout}: node ${args.join(' ')} ended with status ${status}: ${stderr.trim()}`)
}

/**
 * @param {string} here
 * @param {string} there
 * @returns {{ lines: string[], different: number }}
 */
export function comparedPolicies(here, there, seeds) {
  const lines = []
  let different = 0
  for (const seed of seeds) {
    const [a, b] = [trained(here, seed), trained(there, seed)]
    const same = a.sha256 === b.sha256
    if (!same) different++
    const shown = ({ sha256, envSteps, meanReturn }) =>
      `${sha256.slice(0, 16)} after ${envSteps} env steps (${meanReturn})`
    lines.push(`seed ${seed}: ${same ? `equal, ${shown(a)}` : `DIFFERENT: here ${shown(a)}, there ${shown(b)}`}`)
  }
  return { lines, different }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

/** @param {{ here: Record<string, number>, there: Record<string, number> }[]} rounds ratios to baselines, by row */
export function comparedRows(rounds) {
  const lines = []
  let slower = 0
  for (const name of Object.keys(rounds[0]?.here ?? {})) {
    const both = rounds.filter(({ there }) => there[name] !== undefined)
    if (both.length === 0) {
      lines.push(`${name}: only here`)
      continue
    }
    const ratio = median(both.map(({ here, there }) => here[name] / there[name]))
    const isSlower = ratio < LEAST_RATIO
    if (isSlower) slower++
    lines.push(`${name}: ${ratio.toFixed(3)} times the other${isSlower ? `, UNDER ${LEAST_RATIO}` : ''}`)
  }
  return { lines, slower }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seeds: { type: 'string', default: '1,2,3' },
      bench: { type: 'string' },
      rounds: { type: 'string', default: '3' },
    },
  })
  const here = fileURLToPath(new URL('..', import.meta.url))
  const [given] = positionals
  if (given === undefined) throw new Error('name another checkout: npm run compare -- ../other')
  const there = resolve(given)
  if (!existsSync(join(there, 'scripts/bundle.mjs')))
    throw new Error(`${there} is no checkout: it has no scripts/bundle.mjs`)
  for (const checkout of [here, there])
    ran(checkout, ['scripts/bundle.mjs', ...(values.bench === undefined ? [] : ['--bench'])])
  const seeds = values.seeds.split(',').map(Number)
  const { lines, different } = comparedPolicies(here, there, seeds)
  for (const line of lines) console.log(line)
  let slower = 0
  if (values.bench !== undefined) {
    const names = values.bench.split(',').filter(Boolean)
    const rounds = Array.from({ length: Number(values.rounds) }, () => {
      return { here: benched(here, names), there: benched(there, names) }
    })
    const rows = comparedRows(rounds)
    for (const line of rows.lines) console.log(line)
    slower = rows.slower
  }
  console.log(
    `compared ${seeds.length} policies: ${different} different${values.bench === undefined ? '' : `; ${slower} rows slower`}`,
  )
  process.exitCode = different + slower > 0 ? 1 : 0
}
