import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { AwsError } from '../../infra/local/awsError.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { Random, deriveSeed } from '../../shared/random.ts'
import { mutate } from './decoders/mutate.ts'
import { type Target, targets } from './decoders/targets.ts'

/** MILLRACE_DECODERS=1000000 npx vitest run --project chaos test/chaos/decoders.test.ts */
const INPUTS = Number(process.env['MILLRACE_DECODERS'] ?? 20_000)
const SEED = Number(process.env['MILLRACE_SEED'] ?? 1)
const LONGEST_MS = 100
const MEMORY_MB = 200
/** Of an input that took long: the machine may have been busy with something else. */
const TRIES = 4

const outcomeOf = ({ decode }: Target, bytes: Uint8Array): 'taken' | 'refused' | Error => {
  try {
    decode(bytes)
    return 'taken'
  } catch (error) {
    if (isMillraceError(error) || error instanceof AwsError) return 'refused'
    return error instanceof Error ? error : new Error(String(error))
  }
}

const timeOf = (target: Target, bytes: Uint8Array): number => {
  const from = performance.now()
  outcomeOf(target, bytes)
  return performance.now() - from
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const COLLECT_EVERY = 50_000

/** Beside the heap, what it holds outside: a decoder that believes a length allocates there. */
const memoryMb = (): number => {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return (heap + external) / 1e6
}

/** How to see a failure again: the target, the seed of the input, and the input, cut short. */
const replay = ({ name }: Target, n: number, bytes: Uint8Array): string =>
  `${name}, input ${n}, MILLRACE_SEED=${SEED}: ${Buffer.from(bytes.subarray(0, 300)).toString('base64')}`

test(
  `${INPUTS} damaged inputs: errors of ours only, under ${MEMORY_MB} MB, none blocks for ${LONGEST_MS} ms`,
  { timeout: 3_600_000 },
  () => {
    const seeds = targets.flatMap((target) => target.seeds)
    const counts = new Map(targets.map(({ name }) => [name, { taken: 0, refused: 0 }]))
    for (const target of targets)
      for (const seed of target.seeds) expect(outcomeOf(target, seed), target.name).toBe('taken')
    collectGarbage()
    const before = memoryMb()
    let [longestMs, mostMb, keptMb, longest] = [0, 0, 0, '']
    for (let n = 0; n < INPUTS; n++) {
      const target = targets[n % targets.length]!
      const random = new Random(deriveSeed(SEED, 'decoders', n))
      const bytes = mutate(target.seeds[random.integer(target.seeds.length)]!, seeds, random)
      const held = memoryMb()
      const from = performance.now()
      const outcome = outcomeOf(target, bytes)
      let ms = performance.now() - from
      mostMb = Math.max(mostMb, memoryMb() - held)
      for (let i = 1; i < TRIES && ms > LONGEST_MS / 4; i++) ms = Math.min(ms, timeOf(target, bytes))
      if (outcome instanceof Error)
        throw new Error(`an untyped ${outcome.name} (${outcome.message}) from ${replay(target, n, bytes)}`, {
          cause: outcome,
        })
      counts.get(target.name)![outcome]++
      if (ms > longestMs) [longestMs, longest] = [ms, replay(target, n, bytes)]
      if ((n + 1) % COLLECT_EVERY !== 0 && n + 1 < INPUTS) continue
      collectGarbage()
      keptMb = Math.max(keptMb, memoryMb() - before)
    }
    const rows = [...counts].map(([name, { taken, refused }]) => `${name.padEnd(16)}${taken} taken, ${refused} refused`)
    console.log(
      [
        ...rows,
        `${INPUTS} inputs, seed ${SEED}: longest ${longestMs.toFixed(1)} ms (${longest.replace(/, MILL.*/, '')}); one took ${mostMb.toFixed(1)} MB at most, all left ${keptMb.toFixed(1)} MB`,
      ].join('\n'),
    )
    expect(longestMs, longest).toBeLessThan(LONGEST_MS)
    expect(mostMb + keptMb).toBeLessThan(MEMORY_MB)
    // A test that damages nothing would pass too.
    const refused = [...counts.values()].reduce((sum, one) => sum + one.refused, 0)
    expect(refused).toBeGreaterThan(INPUTS / 3)
  },
)
