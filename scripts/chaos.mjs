// CartPole in a storm: a calm run first, then one with faults whose learner is killed every so often and goes on from its folder.
// Prints what was injected, what became of every fragment, and how many steps the storm took against the calm.
//
//   npm run chaos -- [--seed 1] [--minutes 5] [--kill-every 20] [--faults holds|storm|json] [--deterministic]
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** Of the storm, what a run outlives today. */
const HOLDS = {
  crash: { beforeSends: 0.03, duringSends: 0.04, afterSends: 0.03 },
  calls: { '*': { throttle: 0.005, error: 0.005 } },
  messages: { duplicate: 0.05, redeliver: 0.05, delay: 0.05, reorder: 0.1, corrupt: 0.01 },
}
/** Crashes are of leases: long ones would meet none. */
const LEASE_SECONDS = 2
const MOST_STEPS = 1.5

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '5' },
    'kill-every': { type: 'string', default: '20' },
    faults: { type: 'string', default: 'holds' },
    deterministic: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const killEveryMs = Number(values['kill-every']) * 1000
const endsAt = Date.now() + Number(values.minutes) * 60_000
const main = new URL('../dist/cli/main.js', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'))
let stormBegan = 0
const settings = [`algorithm.deterministic=${values.deterministic}`, `rollouts.leaseSeconds=${LEASE_SECONDS}`]

/** Another seed for every attempt, or each would meet the same faults; outages come by one clock for all of them. */
function faults(attempt) {
  const from = { seed: seed * 1_000 + attempt, elapsedMs: Date.now() - stormBegan }
  if (/^\w+$/.test(values.faults) && values.faults !== 'holds') return JSON.stringify({ set: values.faults, ...from })
  const rates = values.faults === 'holds' ? HOLDS : JSON.parse(values.faults)
  return JSON.stringify({ ...rates, ...from })
}

/** Runs the command; SIGKILL after `killMs`. */
function run(args, killMs) {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', (chunk) => (text += chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), killMs)
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, error: /^error .*$/m.exec(text)?.[0] })
    })
  })
}

const json = (...path) => JSON.parse(readFileSync(join(folder, ...path), 'utf8'))
const begin = [
  'train',
  'cartpole',
  '--quiet',
  '--seed',
  String(seed),
  '--checkpoint-seconds',
  '2',
  '--set',
  ...settings,
]

const add = (sums, counts) => {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count
}
const print = (title, counts) => {
  console.log(title)
  for (const [name, count] of Object.entries(counts)) console.log(`  ${name.padEnd(34)} ${String(count).padStart(8)}`)
}

console.log(`calm and storm, seed ${seed}, in ${folder}`)
const calm = await run([...begin, '--out', 'calm', '--faults', 'calm'], endsAt - Date.now())
if (calm.code !== 0) throw new Error(`the calm run did not reach its goal: ${calm.error ?? `status ${calm.code}`}`)
const calmSteps = json('calm', 'summary.json').progress.envSteps
console.log(`calm: ${calmSteps} env steps`)

stormBegan = Date.now()
const ends = { killed: 0, failed: 0 }
let code = null
for (let attempt = 1; code !== 0 && code !== 2 && Date.now() < endsAt; attempt++) {
  // Where the last attempt was killed before it had a folder to go on from, this one begins.
  const goOn = attempt === 1 ? ['--out', 'storm'] : ['--resume', 'auto', '--out', 'storm']
  const result = await run([...begin, ...goOn, '--faults', faults(attempt)], killEveryMs)
  code = result.code
  if (code === null) ends.killed++
  if (code !== 1 && code !== 64) continue
  ends.failed++
  console.log(`attempt ${attempt} failed: ${result.error ?? 'without a word'}`)
}

const { attempts } = json('storm', 'faults.json')
const [injected, sent, became, seen] = [{}, {}, {}, {}]
let unexplained = 0
for (const { injected: more, account } of attempts) {
  add(injected, more)
  if (!account) continue
  add(sent, account.sent)
  add(became, account.became)
  add(seen, account.seen)
  unexplained += Math.abs(account.unexplained)
}
print('faults injected', injected)
print('attempts', { all: attempts.length, ...ends })
print('fragments sent (of attempts that were not killed)', sent)
print('and what became of them', became)
print('seen by the learner', seen)
console.log(`unexplained: ${unexplained}`)
if (code === 0) {
  const steps = json('storm', 'summary.json').progress.envSteps
  const ratio = steps / calmSteps
  console.log(`storm: ${steps} env steps, ${ratio.toFixed(2)} times those of the calm`)
  if (ratio > MOST_STEPS) process.exitCode = 1
} else {
  console.log('the storm was not outlived')
  process.exitCode = 1
}
if (unexplained > 0) process.exitCode = 1
if (process.exitCode === 1) console.log(`to repeat: npm run chaos -- ${process.argv.slice(2).join(' ')}`)
