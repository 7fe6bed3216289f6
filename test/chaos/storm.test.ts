// A run in the weather that it lives in: functions that die, calls that are refused, messages that come twice, late or damaged, and a
// learner that is killed. `npm run chaos` is the long form. Needs dist/.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunSummary } from '../../learner/observer.ts'
import type { FaultRecord } from '../../library/run/faultRecord.ts'
import type { FaultInput } from '../../shared/faults/index.ts'
import { freshFolder } from './folders.ts'
import { runCommand, startCommand, until } from './processes.ts'

const folder = freshFolder()
/** Crashes are of leases, so leases are short. */
const SETTINGS = ['algorithm.deterministic=false', 'rollouts.leaseSeconds=2']
const MOST_STEPS = 1.5

/** What of a storm a run outlives today. */
const weather = (seed: number): string =>
  JSON.stringify({
    seed,
    crash: { beforeSends: 0.03, duringSends: 0.04, afterSends: 0.03 },
    calls: { '*': { throttle: 0.005, error: 0.005 } },
    messages: { duplicate: 0.05, redeliver: 0.05, delay: 0.05, reorder: 0.1, corrupt: 0.01 },
  } satisfies FaultInput)

const json = <T>(...path: string[]): T => JSON.parse(readFileSync(join(folder(), ...path), 'utf8')) as T
const stepsOf = (run: string) => json<RunSummary>(run, 'summary.json').progress.envSteps
const attemptsOf = (run: string) => json<{ attempts: FaultRecord[] }>(run, 'faults.json').attempts

function expectBalanced({ account }: FaultRecord): void {
  expect(account).toMatchObject({ unexplained: 0 })
  const sum = (counts: object | undefined) => Object.values(counts ?? {}).reduce((a: number, b: number) => a + b, 0)
  expect(sum(account?.sent)).toBe(sum(account?.became))
  expect(account?.became.trained).toBeGreaterThan(0)
}

test(
  'CartPole reaches its goal in a storm, its learner killed, within 1.5 times the steps of the calm; every fragment is accounted for',
  { timeout: 300_000 },
  async () => {
    const seed = Number(process.env['MILLRACE_CHAOS_SEED'] ?? 1)
    const options = { cwd: folder() }
    const begin = ['train', 'cartpole', '--quiet', '--checkpoint-seconds', '1', '--set', ...SETTINGS]
    try {
      const calm = await runCommand([...begin, '--out', 'calm', '--faults', 'calm'], options)
      expect(calm).toMatchObject({ code: 0, err: '' })
      expect(attemptsOf('calm')).toMatchObject([{ injected: {}, account: { sent: { copies: 0 } } }])
      attemptsOf('calm').forEach(expectBalanced)

      const first = startCommand([...begin, '--out', 'storm', '--faults', weather(seed)], options)
      const trained = () => {
        try {
          return json<{ progress: { updates: number } }>('storm', 'progress.json').progress.updates
        } catch {
          return 0 // not yet there
        }
      }
      await until('it has learned something', () => trained() >= 40, 120_000)
      first.child.kill('SIGKILL')
      await first.ended
      const second = await runCommand(['train', '--quiet', '--resume', 'storm', '--faults', weather(seed + 1)], options)
      expect(second.code, second.err).toBe(0)

      const [killed, ended] = attemptsOf('storm')
      expect(killed?.account).toBeUndefined()
      if (!ended) throw new Error('the second attempt left no record')
      expectBalanced(ended)
      const kinds = new Set([...Object.keys(killed?.injected ?? {}), ...Object.keys(ended.injected)])
      for (const kind of ['message duplicated', 'message delivered twice', 'message reordered'])
        expect(kinds).toContain(kind)
      expect(ended.account?.became.duplicate).toBeGreaterThan(0)
      expect(stepsOf('storm')).toBeLessThan(MOST_STEPS * stepsOf('calm'))
    } catch (error) {
      throw new Error(`MILLRACE_CHAOS_SEED=${seed} npx vitest run --project chaos test/chaos/storm.test.ts`, {
        cause: error,
      })
    }
  },
)
