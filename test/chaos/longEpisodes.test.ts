// Episodes longer than a lease, through the built command. Needs dist/.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from './folders.ts'
import { runCommand } from './processes.ts'

const folder = freshFolder()
const STEPS = 10_000

/** An env that rewards every step with 1 and takes a tenth of a millisecond for it: an episode takes longer than a lease of a second. */
const experimentFile = (
  more: string,
  { maxEpisodeSteps = STEPS, envSteps = 24_000 },
) => `import { experiment, impala } from 'millrace'
  class Long {
    static id = 'Long-v0'
    static maxEpisodeSteps = ${maxEpisodeSteps}
    observationSpace = { kind: 'box', shape: [1], low: 0, high: 1 }
    actionSpace = { kind: 'discrete', n: 2 }
    at = 0
    reset(observation) { this.at = 0; observation[0] = 0 }
    step(action, observation) {
      this.at++
      for (const until = performance.now() + 0.1; performance.now() < until; );
      observation[0] = this.at / ${maxEpisodeSteps}
      return { reward: 1, terminated: false, truncated: false }
    }
    ${more}
  }
  export default experiment({
    env: Long,
    algorithm: impala({ hidden: [4], trainBatchSteps: 1_000, deterministic: true }),
    rollouts: { shards: 1, envsPerShard: 2, fragmentLength: 100, leaseSeconds: 1, leaseFragments: 5 },
    stop: { envSteps: ${envSteps} },
  })`

async function train(more: string, changes: Parameters<typeof experimentFile>[1] = {}) {
  writeFileSync(join(folder(), 'long.js'), experimentFile(more, changes))
  const { code, out, err } = await runCommand(['train', 'long.js', '--out', 'run'], { cwd: folder() })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const summary = JSON.parse(readFileSync(join(folder(), 'run', 'summary.json'), 'utf8'))
  return {
    out,
    summary,
    progress: summary.progress as { episodes: number; meanReturn: number | null; episodesCut?: number },
  }
}

test('with save and load episodes of 10,000 steps are counted whole over leases of a second', async () => {
  const { out, progress } = await train('save() { return this.at } load(at) { this.at = at }')
  expect(progress).toMatchObject({ episodes: 2, meanReturn: STEPS })
  expect(progress.episodesCut).toBeUndefined()
  expect(out).not.toMatch(/warning/)
})

test('without them it is said once that leases cut episodes, and the summary says how many', async () => {
  const { out, progress } = await train('', { maxEpisodeSteps: 1_000_000, envSteps: 10_000 })
  expect(progress.meanReturn).toBeNull()
  expect(progress.episodes).toBe(0)
  expect(progress.episodesCut).toBeGreaterThan(1)
  expect(out.match(/warning: env Long-v0 has no save and load/g)).toHaveLength(1)
  expect(out).toMatch(new RegExp(`not in it +${progress.episodesCut} episodes cut as leases ended`))
})
