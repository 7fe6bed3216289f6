// A deterministic run that is killed at random moments and goes on from its folder each time: it is to be the run that never was killed, the
// same policy by the same metrics lines. Needs dist/; the command that repeats it is printed where it is not.
//
//   npm run chaos:repeat -- [--seed 1] [--kills 10] [--steps 600000]
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    kills: { type: 'string', default: '10' },
    steps: { type: 'string', default: '600000' },
  },
})
const [seed, kills] = [Number(values.seed), Number(values.kills)]
const folder = mkdtempSync(join(tmpdir(), 'millrace-repeat-'))
const main = new URL('../dist/cli/main.js', import.meta.url).pathname
const SETTINGS = ['algorithm.deterministic=true', `stop.envSteps=${values.steps}`, 'stop.meanReturn=1000']
/** A kill comes so long after the attempt's first update at most. */
const LONGEST_MS = 6_000
/** Only limits end the run: of its settings none is reached. */
const GOAL_MISSED = 2

function start(args) {
  const child = spawn(process.execPath, [main, 'train', ...args, '--quiet', '--checkpoint-seconds', '1'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = new Promise((resolve) => child.on('close', resolve))
  return { child, ended }
}

/** Uniform in [0, 1): the same for the same seed and n. */
const draw = (n) => createHash('sha256').update(`${seed}/${n}`).digest().readUInt32LE() / 2 ** 32

const read = (run, file) => readFileSync(join(folder, run, file))
const newest = (run) =>
  existsSync(join(folder, run, 'checkpoints'))
    ? readdirSync(join(folder, run, 'checkpoints'))
        .toSorted()
        .at(-1)
    : undefined

function resultOf(run) {
  const lines = read(run, 'metrics.jsonl').toString().trimEnd().split('\n')
  const hash = createHash('sha256')
  for (const line of lines) hash.update(JSON.stringify({ ...JSON.parse(line), atMs: 0 }))
  const { deterministic, notDeterministicBecause: because, attempt = 1 } = JSON.parse(read(run, 'summary.json'))
  const policy = createHash('sha256').update(read(run, 'policy.onnx')).digest('hex')
  return { policy, lines: hash.digest('hex'), count: lines.length, deterministic, because, attempt }
}

console.log(`seed ${seed}, ${kills} kills, in ${folder}`)
const calm = await start(['cartpole', '--out', 'calm', '--set', ...SETTINGS]).ended
if (calm !== GOAL_MISSED) throw new Error(`the calm run ended with status ${calm}`)

let [made, code] = [0, null]
while (code === null) {
  const before = newest('killed')
  const args = before
    ? ['--resume', 'killed']
    : ['cartpole', '--resume', 'auto', '--out', 'killed', '--set', ...SETTINGS]
  const run = start(args)
  let over = false
  run.ended.then(() => (over = true))
  if (made < kills) {
    // An attempt that made no checkpoint would only be made again.
    while (!over && newest('killed') === before) await pause(5)
    await pause(draw(made) * LONGEST_MS)
    if (!over) {
      run.child.kill('SIGKILL')
      console.log(`kill ${++made}, newest checkpoint ${newest('killed')}`)
    }
  }
  code = await run.ended
}

const [one, other] = [resultOf('calm'), resultOf('killed')]
console.log('never killed', one)
console.log(`killed ${made} times`, other)
const same = one.policy === other.policy && one.lines === other.lines && other.deterministic === undefined
console.log(same ? 'the same policy and the same metrics lines' : 'NOT the same')
if (made < kills) console.log(`it was over before all ${kills} kills; give more --steps`)
if (!same || made < kills) {
  process.exitCode = 1
  console.log(`to repeat: npm run chaos:repeat -- ${process.argv.slice(2).join(' ')}`)
}
