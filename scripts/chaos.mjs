// CartPole in a storm: a calm run first, then one with faults whose learner is killed every so often and goes on from its folder.
// Prints what was injected, what became of every fragment and lease, and how many steps the storm took against the calm.
//
//   npm run chaos -- [--seeds 1,2,3] [--minutes 8] [--kill-every 20] [--step-ms 0.2] [--faults storm|all|json] [--async]
import { build } from 'esbuild'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** Crashes are of leases: long ones would meet none. */
const LEASE_SECONDS = 2
const MOST_STEPS = 1.5
/** Outages end each minute of a storm: the first one begins so long after its beginning. */
const FIRST_OUTAGE_MS = 12_000
const OUTAGE_AT_MS = 50_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    minutes: { type: 'string', default: '8' },
    'kill-every': { type: 'string', default: '20' },
    'step-ms': { type: 'string', default: '0.2' },
    faults: { type: 'string', default: 'storm' },
    async: { type: 'boolean', default: false },
  },
})
const killEveryMs = Number(values['kill-every']) * 1000
const main = new URL('../dist/cli/main.js', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'))

/** CartPole takes seconds, and a storm minutes: each step takes real time here, in which the function sleeps. */
const EXPERIMENT = `import { experiment } from 'millrace'
import { CartPole } from 'millrace/env'
import cartpole from './cartpole.ts'

const cell = new Int32Array(new SharedArrayBuffer(4))
class SlowCartPole extends CartPole {
  static id = 'SlowCartPole-v0'
  static maxEpisodeSteps = 500
  step(action: number, observation: Float32Array) {
    Atomics.wait(cell, 0, 0, ${Number(values['step-ms'])})
    return super.step(action, observation)
  }
}
export default experiment({ ...cartpole, env: SlowCartPole })
`
writeFileSync(join(folder, 'cartpole.ts'), readFileSync(new URL('../examples/cartpole.ts', import.meta.url)))
writeFileSync(join(folder, 'slow.ts'), EXPERIMENT)

/** Another seed for every attempt, or each would meet the same faults; outages come by one clock for all of them. */
function faults(seed, attempt, elapsedMs) {
  const from = { seed: seed * 1_000 + attempt, elapsedMs: elapsedMs + OUTAGE_AT_MS - FIRST_OUTAGE_MS }
  const rates = /^\w+$/.test(values.faults) ? { set: values.faults } : JSON.parse(values.faults)
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
      resolve({ code, error: /^error .*$/m.exec(text)?.[0] ?? text.trim().split('\n').at(-1) })
    })
  })
}

/** The table as the command prints it. */
async function faultLines(records) {
  const entryPoints = [new URL('../library/run/faultTable.ts', import.meta.url).pathname]
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: 'esm' })
  const table = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)
  return table.faultLines(records)
}

const json = (...path) => JSON.parse(readFileSync(join(folder, ...path), 'utf8'))
const stepsOf = (name) => json(name, 'summary.json').progress.envSteps

const sumOf = (counts) => Object.values(counts).reduce((a, b) => a + b, 0)

/** Do the sums agree: of every attempt's fragments and leases, and of all fragments trained on with the steps that the run says? */
function isExact(name) {
  const { attempts } = json(name, 'faults.json')
  const { config, progress } = { config: json(name, 'config.json'), ...json(name, 'summary.json') }
  const { fragmentLength, envsPerShard } = config.experiment.rollouts
  let trained = 0
  let exact = true
  for (const { attempt, account, leases } of attempts) {
    if (!account) continue
    const { issued, ...ends } = leases
    trained += account.became.trained
    if (sumOf(account.sent) === sumOf(account.became) && issued === sumOf(ends)) continue
    exact = false
    console.log(`the sums of attempt ${attempt} do not agree: ${JSON.stringify({ account, leases })}`)
  }
  const told = progress.trainedSteps / (fragmentLength * envsPerShard)
  if (trained === told) return exact
  console.log(`${trained} fragments trained on by the account, ${told} by the run's own count of steps`)
  return false
}

/** Of a deterministic run no fault may change a bit. */
function isSamePolicy(...names) {
  const [calm, storm] = names.map((name) => readFileSync(join(folder, name, 'policy.onnx')))
  const same = calm.equals(storm)
  console.log(`its policy is ${same ? 'that of the calm, bit for bit' : 'another than that of the calm'}`)
  return same
}

/** @returns true where it reached its goal in time, within its steps, no attempt having failed */
async function storm(seed) {
  const endsAt = Date.now() + Number(values.minutes) * 60_000
  const begin = ['train', 'slow.ts', '--quiet', '--seed', String(seed), '--checkpoint-seconds', '2']
  begin.push('--set', `algorithm.deterministic=${!values.async}`, `rollouts.leaseSeconds=${LEASE_SECONDS}`)
  const [calmName, name] = [`calm-${seed}`, `storm-${seed}`]
  const calmBegan = Date.now()
  const calm = await run([...begin, '--out', calmName, '--faults', 'calm'], endsAt - Date.now())
  if (calm.code !== 0) throw new Error(`the calm run did not reach its goal: ${calm.error ?? `status ${calm.code}`}`)
  const calmSteps = stepsOf(calmName)
  console.log(`seed ${seed}, calm: ${calmSteps} env steps in ${Math.round((Date.now() - calmBegan) / 1000)} s`)

  const began = Date.now()
  const ends = { killed: 0, failed: 0 }
  let code = null
  for (let attempt = 1; code !== 0 && code !== 2 && Date.now() < endsAt; attempt++) {
    // Where the last attempt was killed before it had a folder to go on from, this one begins.
    const goOn = attempt === 1 ? ['--out', name] : ['--resume', 'auto', '--out', name]
    const result = await run([...begin, ...goOn, '--faults', faults(seed, attempt, Date.now() - began)], killEveryMs)
    code = result.code
    if (code === null) ends.killed++
    if (code !== 1 && code !== 64) continue
    ends.failed++
    console.log(`seed ${seed}, attempt ${attempt} failed: ${result.error || 'without a word'}`)
  }
  const seconds = Math.round((Date.now() - began) / 1000)
  console.log(`seed ${seed}, storm: ${seconds} s, ${ends.killed} kills, ${ends.failed} failures`)
  const { attempts } = json(name, 'faults.json')
  console.log((await faultLines(attempts)).join('\n'))
  if (code !== 0) {
    console.log(`seed ${seed}: the storm was not outlived`)
    return false
  }
  const ratio = stepsOf(name) / calmSteps
  console.log(`seed ${seed}, storm: ${stepsOf(name)} env steps, ${ratio.toFixed(2)} times those of the calm`)
  const exact = isExact(name)
  const same = values.async || isSamePolicy(calmName, name)
  return exact && same && ratio <= MOST_STEPS && ends.failed === 0
}

console.log(`in ${folder}`)
for (const seed of values.seeds.split(',').map(Number)) {
  if (await storm(seed)) continue
  process.exitCode = 1
  console.log(`to repeat: npm run chaos -- --seeds ${seed} ${process.argv.slice(2).join(' ')}`)
}
