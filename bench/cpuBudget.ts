// Threads' CPU time, from /proc: Linux only.
import { readFileSync, readdirSync } from 'node:fs'
import quoted from '../examples/cartpole-throughput.ts'
import { emulatedRunCloud } from '../infra/clouds/emulated.ts'
import { experiment } from '../learner/experiment.ts'
import type { Progress } from '../learner/run/observer.ts'
import { train } from '../learner/run/service.ts'
import { childrenOf } from './processUse.ts'

const WARMUP_MS = 5_000
const CLOSING_MS = 1_500
/** Between two readings, which cost a millisecond or two themselves. */
const READ_EVERY_MS = 1_000
/** Threads below it are not told. */
const LEAST_MS = 0.02

/**
 * What a fragment of the quoted run costs, in ms of CPU by process and thread: `npm run bench -- --cpu 20` (seconds). The learner's process is
 * also the emulated cloud's.
 */
export async function cpuBudget(seconds: number): Promise<void> {
  const cloud = await emulatedRunCloud()
  const marks: { readonly progress: Progress; readonly cpu: ReadonlyMap<string, number> }[] = []
  const onProgress = (progress: Progress): void => {
    const isWithin = progress.atMs > WARMUP_MS && progress.atMs < seconds * 1000 - CLOSING_MS
    const isDue = progress.atMs > (marks.at(-1)?.progress.atMs ?? 0) + READ_EVERY_MS
    if (isWithin && isDue) marks.push({ progress, cpu: cpuMs() })
  }
  try {
    const observer = { onProgress }
    await train(experiment({ ...quoted, stop: { seconds } }), { run: 'bench', cloud, observer })
  } finally {
    await cloud.close()
  }
  const [from, to] = [marks[0], marks.at(-1)]
  if (!from || !to || to.progress.updates === from.progress.updates) throw new Error('the run was too short')
  const fragments = to.progress.updates - from.progress.updates
  const rate = (to.progress.envSteps - from.progress.envSteps) / ((to.progress.atMs - from.progress.atMs) / 1000)
  const threads = [...to.cpu]
    .map(([name, ms]) => [name, (ms - (from.cpu.get(name) ?? 0)) / fragments] as const)
    .filter(([, ms]) => ms >= LEAST_MS)
    .sort(([, a], [, b]) => b - a)
  console.log(`${Math.round(rate).toLocaleString('en-US')} env steps/s; ms of CPU a fragment, of ${fragments}:`)
  for (const [name, ms] of [...threads, ['in all', threads.reduce((sum, [, ms]) => sum + ms, 0)] as const])
    console.log(`${ms.toFixed(2).padStart(7)}  ${name}`)
}

/** By thread, ms so far. */
function cpuMs(): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const pid of [process.pid, ...childrenOf(process.pid)]) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
        const whose = pid === process.pid ? 'learner' : `function ${pid}`
        found.set(`${whose}, thread ${Number(thread) - pid}`, Number(nanoseconds) / 1e6)
      }
    } catch {
      // it ended meanwhile
    }
  }
  return found
}
