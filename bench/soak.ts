import { readFileSync, readdirSync } from 'node:fs'
import quoted from '../examples/cartpole-throughput.ts'
import { emulatedRunCloud } from '../infra/clouds/emulated.ts'
import { experiment } from '../learner/experiment.ts'
import type { Progress } from '../learner/observer.ts'
import { train } from '../learner/service.ts'

const SAMPLE_MS = 10_000
/** Start-up, compilation and the first cold start are not what a long run is about. */
const SETTLE_MS = 30_000
const MAX_VARIATION = 0.1
const MAX_GROWTH = 0.1

interface Sample {
  readonly atMs: number
  readonly envSteps: number
  readonly stepsPerSecond: number
  readonly learnerMb: number
  readonly functionMb: number
  readonly maxLag: number
}

/**
 * The quoted run for a long time: `npm run bench -- --soak 20` (minutes). Prints a line every ten seconds and, at the end, what
 * must stay flat: throughput (coefficient of variation), memory (growth from the first to the last quarter), policy lag, and
 * what was dropped. True when all of it holds.
 */
export async function soak(minutes: number): Promise<boolean> {
  const cloud = await emulatedRunCloud()
  const samples: Sample[] = []
  let last: Progress | undefined
  let maxLag = 0
  const timer = setInterval(() => {
    if (!last || last.atMs < SETTLE_MS) return
    samples.push(sampleOf(last, samples.at(-1), maxLag))
    maxLag = 0
    print(samples.at(-1))
  }, SAMPLE_MS)
  const events: string[] = []
  try {
    await train(experiment({ ...quoted, stop: { seconds: minutes * 60 } }), {
      run: 'soak',
      cloud,
      observer: {
        onProgress: (progress) => {
          last = progress
        },
        onUpdate: ({ lag }) => {
          maxLag = Math.max(maxLag, lag.max)
        },
        onEvent: ({ text }) => events.push(text),
      },
    })
  } finally {
    clearInterval(timer)
    await cloud.close()
  }
  return verdict(samples.slice(1), last, events)
}

function sampleOf(progress: Progress, before: Sample | undefined, maxLag: number): Sample {
  const { atMs, envSteps } = progress
  const stepsPerSecond = before ? ((envSteps - before.envSteps) / (atMs - before.atMs)) * 1000 : Number.NaN
  // The largest: a lease that begins while the last one returns is given a second process, so their number changes.
  const functionMb = Math.max(...childrenOf(process.pid).map(residentMb))
  return { atMs, envSteps, stepsPerSecond, learnerMb: residentMb(process.pid), functionMb, maxLag }
}

function print(sample: Sample | undefined): void {
  if (!sample) return
  const { atMs, stepsPerSecond, learnerMb, functionMb, maxLag } = sample
  console.log(
    `${(atMs / 1000).toFixed(0).padStart(5)} s  ${Math.round(stepsPerSecond).toLocaleString('en-US')} steps/s  learner ${learnerMb.toFixed(0)} MB  largest function ${functionMb.toFixed(0)} MB  lag up to ${maxLag}`,
  )
}

function verdict(samples: readonly Sample[], last: Progress | undefined, events: readonly string[]): boolean {
  const rates = samples.map(({ stepsPerSecond }) => stepsPerSecond)
  const mean = average(rates)
  const variation = Math.sqrt(average(rates.map((rate) => (rate - mean) ** 2))) / mean
  const quarter = Math.max(1, Math.floor(samples.length / 4))
  const growth = (read: (sample: Sample) => number): number =>
    average(samples.slice(-quarter).map(read)) / average(samples.slice(0, quarter).map(read)) - 1
  const learnerGrowth = growth(({ learnerMb }) => learnerMb)
  const functionGrowth = growth(({ functionMb }) => functionMb)
  const lag = Math.max(...samples.map(({ maxLag }) => maxLag))
  const limit = Number(quoted.algorithm.config['maxPolicyLag'])
  const percent = (x: number): string => `${(x * 100).toFixed(1)}%`
  console.log(
    `throughput ${Math.round(mean).toLocaleString('en-US')} steps/s, coefficient of variation ${percent(variation)}`,
  )
  console.log(
    `memory growth, last quarter over first: learner ${percent(learnerGrowth)}, function ${percent(functionGrowth)}`,
  )
  console.log(
    `policy lag up to ${lag}, limit ${limit}; env steps ${last?.envSteps.toLocaleString('en-US')}, updates ${last?.updates.toLocaleString('en-US')}`,
  )
  console.log(`dropped ${JSON.stringify(last?.dropped)}; events: ${events.length === 0 ? 'none' : events.join('; ')}`)
  return variation < MAX_VARIATION && learnerGrowth < MAX_GROWTH && functionGrowth < MAX_GROWTH && lag <= limit
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Linux only: elsewhere there are no children to be seen and no memory to be read. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statusField(pid, 'PPid') === parent)
}

function residentMb(pid: number): number {
  return (statusField(pid, 'VmRSS') ?? 0) / 1024
}

function statusField(pid: number, name: string): number | undefined {
  try {
    const value = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return value === undefined ? undefined : Number(value)
  } catch {
    return undefined // it ended meanwhile
  }
}
