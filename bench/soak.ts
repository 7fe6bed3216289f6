import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import quoted from '../examples/cartpole-throughput.ts'
import { experiment } from '../learner/experiment.ts'
import type { Progress } from '../learner/run/observer.ts'
import type { FaultRecord } from '../library/run/faultRecord.ts'
import { trainHere } from '../library/trainHere.ts'
import { childrenOf, heapMb, openDescriptors, residentMb } from './processUse.ts'
import { changeOver, coefficientOfVariation, mean } from './series.ts'

const SAMPLE_MS = 10_000
/** The heap between two collections says little; its lowest value in a sample's time says what is kept. */
const HEAP_MS = 100
/** Start-up, compilation, the first cold starts and the first renewals are not what a long run is about. */
const SETTLE_SHARE = 0.1
const MAX_VARIATION = 0.1
/** Over the whole run, by the line through all samples. */
const MAX_GROWTH = 0.1
const MAX_DESCRIPTORS = 2

interface Sample {
  readonly atMs: number
  readonly envSteps: number
  readonly stepsPerSecond: number
  readonly heapMb: number
  readonly learnerMb: number
  readonly functionMb: number
  readonly descriptors: number
  readonly metricsMb: number
  readonly maxLag: number
}

/** What must stay flat, by the name that it is printed with, and how much it may change from the first sample to the last. */
const FLAT = [
  ['heap of the learner (MB)', ({ heapMb }) => heapMb, MAX_GROWTH],
  ['memory of the learner (MB)', ({ learnerMb }) => learnerMb, MAX_GROWTH],
  ['memory of the largest function (MB)', ({ functionMb }) => functionMb, MAX_GROWTH],
  ['descriptors, all processes', ({ descriptors }) => descriptors, MAX_DESCRIPTORS],
] as const satisfies readonly (readonly [string, (sample: Sample) => number, number])[]

/**
 * The quoted run for a long time: `npm run bench -- --soak 20` (minutes). Prints a line every ten seconds and, at the end, what
 * must stay flat: throughput (coefficient of variation), heap, memory and descriptors (the line through all samples), policy lag; the
 * size of its metrics file, and what became of every message. Linux only: memory is read from /proc.
 *
 * @returns true when all of it holds
 */
export async function soak(minutes: number): Promise<boolean> {
  const runFolder = mkdtempSync(join(tmpdir(), 'millrace-soak-'))
  const samples: Sample[] = []
  const events: string[] = []
  let last: Progress | undefined
  let [maxLag, lowestHeap] = [0, Infinity]
  const heapTimer = setInterval(() => {
    lowestHeap = Math.min(lowestHeap, heapMb())
  }, HEAP_MS)
  const timer = setInterval(() => {
    if (!last || last.atMs < SETTLE_SHARE * minutes * 60_000) return
    const sample = sampleOf(last, samples.at(-1), { maxLag, lowestHeap, runFolder })
    samples.push(sample)
    print(sample)
    ;[maxLag, lowestHeap] = [0, Infinity]
  }, SAMPLE_MS)
  try {
    // Without faults: for the account of every message.
    const { summary } = await trainHere(experiment({ ...quoted, stop: { seconds: minutes * 60 }, faults: 'calm' }), {
      runFolder,
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
    return verdict(samples.slice(1), summary.progress, events, runFolder)
  } finally {
    clearInterval(timer)
    clearInterval(heapTimer)
    rmSync(runFolder, { recursive: true })
  }
}

function sampleOf(
  { atMs, envSteps }: Progress,
  before: Sample | undefined,
  seen: { readonly maxLag: number; readonly lowestHeap: number; readonly runFolder: string },
): Sample {
  const functions = childrenOf(process.pid)
  return {
    atMs,
    envSteps,
    stepsPerSecond: before ? ((envSteps - before.envSteps) / (atMs - before.atMs)) * 1000 : Number.NaN,
    heapMb: seen.lowestHeap,
    learnerMb: residentMb(process.pid),
    // The largest: a lease that begins while the last one returns is given a second process, so their number changes.
    functionMb: Math.max(...functions.map(residentMb)),
    descriptors: openDescriptors(process.pid) + Math.max(...functions.map(openDescriptors)),
    metricsMb: statSync(join(seen.runFolder, 'metrics.jsonl')).size / 2 ** 20,
    maxLag: seen.maxLag,
  }
}

function print({ atMs, stepsPerSecond, ...sample }: Sample): void {
  const seconds = (atMs / 1000).toFixed(0).padStart(5)
  const rate = Math.round(stepsPerSecond).toLocaleString('en-US')
  const memory = `heap ${sample.heapMb.toFixed(1)} MB, learner ${sample.learnerMb.toFixed(0)} MB, largest function ${sample.functionMb.toFixed(0)} MB`
  console.log(
    `${seconds} s  ${rate} steps/s  ${memory}, ${sample.descriptors} descriptors, metrics ${sample.metricsMb.toFixed(2)} MB, lag up to ${sample.maxLag}`,
  )
}

function verdict(
  samples: readonly Sample[],
  { envSteps, updates }: Progress,
  events: readonly string[],
  runFolder: string,
): boolean {
  const percent = (x: number): string => `${(x * 100).toFixed(1)}%`
  const hours = ((samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0)) / 3_600_000
  const rates = samples.map(({ stepsPerSecond }) => stepsPerSecond)
  const variation = coefficientOfVariation(rates)
  console.log(
    `throughput ${Math.round(mean(rates)).toLocaleString('en-US')} steps/s, coefficient of variation ${percent(variation)}`,
  )
  const steady = FLAT.map(([name, read, limit]) => {
    const values = samples.map(read)
    const change = changeOver(values)
    const allowed = limit < 1 ? limit * mean(values) : limit
    console.log(
      `${name}: ${mean(values).toFixed(1)}, slope ${(change / hours).toFixed(2)} an hour, ${change.toFixed(2)} over the run`,
    )
    return change < allowed
  })
  const lag = Math.max(...samples.map(({ maxLag }) => maxLag))
  const limit = Number(quoted.algorithm.config['maxPolicyLag'])
  console.log(
    `policy lag up to ${lag}, limit ${limit}; env steps ${envSteps.toLocaleString('en-US')}, updates ${updates.toLocaleString('en-US')}`,
  )
  const logged = readFileSync(join(runFolder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
  const ends = [logged[0], logged.at(-1)].map((line) => (JSON.parse(line ?? '{}') as { updates?: number }).updates)
  console.log(`metrics: ${logged.length.toLocaleString('en-US')} lines, of updates ${ends.join(' to ')}`)
  const { attempts } = JSON.parse(readFileSync(join(runFolder, 'faults.json'), 'utf8')) as { attempts: FaultRecord[] }
  const account = attempts[0]?.account
  console.log(`messages ${JSON.stringify(account)}; events: ${events.length === 0 ? 'none' : events.join('; ')}`)
  return (
    variation < MAX_VARIATION &&
    steady.every(Boolean) &&
    lag <= limit &&
    account?.unexplained === 0 &&
    ends[0] === 1 &&
    ends[1] === updates
  )
}
