// A run in the weather that it lives in: functions that die, calls that are refused, an outage, messages that come twice, late or damaged,
// and a learner that is killed. `npm run chaos` is the long form. Needs dist/.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunSummary } from '../../learner/run/observer.ts'
import type { FaultRecord } from '../../library/run/faultRecord.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { freshFolder } from './folders.ts'
import { runCommand, startCommand, until } from './processes.ts'

const folder = freshFolder()
/** Crashes are of leases, so leases are short. The goal is a near one: it is reached in seconds. */
const SETTINGS = ['rollouts.leaseSeconds=1', 'stop.meanReturn=250']
const STEPS_PER_FRAGMENT = 320

const read = (...path: string[]) => readFileSync(join(folder(), ...path))
const json = <T>(...path: string[]): T => JSON.parse(String(read(...path))) as T
const progressOf = (run: string) => json<RunSummary>(run, 'summary.json').progress
const attemptsOf = (run: string) => json<{ attempts: FaultRecord[] }>(run, 'faults.json').attempts
const sum = (counts: object = {}) => Object.values(counts).reduce((a: number, b: number) => a + b, 0)

/** Every fragment and every lease of every attempt has one end, and the run's own count of steps agrees with the attempts together. */
function expectExact(run: string): void {
  const attempts = attemptsOf(run)
  for (const { account, leases } of attempts) {
    expect(account).toMatchObject({ unexplained: 0 })
    expect(sum(account?.sent)).toBe(sum(account?.became))
    const { issued, ...ends } = { issued: 0, ...leases }
    expect(issued).toBe(sum(ends))
  }
  const trained = sum(attempts.map(({ account }) => account?.became.trained ?? 0))
  expect(trained * STEPS_PER_FRAGMENT).toBe(progressOf(run).trainedSteps)
}

test(
  'in the full storm, its learner killed and resumed in an outage, CartPole comes to its goal by the very steps of the calm; every fragment and lease is accounted for',
  { timeout: 300_000 },
  async () => {
    const seed = Number(process.env['MILLRACE_CHAOS_SEED'] ?? 1)
    const options = { cwd: folder() }
    const begin = ['train', 'cartpole', '--quiet', '--checkpoint-seconds', '1', '--set', ...SETTINGS]
    /** Outages end each minute of a storm. */
    const storm = (of: { seed: number; elapsedMs: number }) => JSON.stringify({ set: 'storm', ...of })
    try {
      const calm = await runCommand([...begin, '--out', 'calm', '--faults', 'calm'], options)
      expect(calm).toMatchObject({ code: 0, err: '' })
      expect(attemptsOf('calm')).toMatchObject([{ end: 'ended', injected: {}, account: { sent: { copies: 0 } } }])
      expectExact('calm')

      const first = startCommand([...begin, '--out', 'storm', '--faults', storm({ seed, elapsedMs: 48_500 })], options)
      const isInOutage = () => {
        try {
          const [record] = attemptsOf('storm')
          return record && record.at.updates >= 10 && 'outage s3.PutObject' in record.injected
        } catch {
          return false // not yet there
        }
      }
      await until('it has learned something, and met an outage', isInOutage, 120_000)
      first.child.kill('SIGKILL')
      await first.ended
      // It goes on within the outage.
      const goOn = ['--resume', 'storm', '--faults', storm({ seed: seed + 1, elapsedMs: 55_000 })]
      const second = await runCommand(['train', '--quiet', ...goOn], options)
      expect(second.code, second.err).toBe(0)

      const attempts = attemptsOf('storm')
      expect(attempts.map(({ end }) => end)).toEqual(['killed', 'ended'])
      expectExact('storm')
      const kinds = new Set(attempts.flatMap(({ injected }) => Object.keys(injected)))
      for (const kind of ['message duplicated', 'message delivered twice']) expect(kinds).toContain(kind)
      for (const { injected } of attempts) expect(injected).toHaveProperty(['outage s3.PutObject'])
      expect(attempts[1]?.account?.became.duplicate).toBeGreaterThan(0)
      expect(progressOf('storm').envSteps).toBe(progressOf('calm').envSteps)
      expect(sha256Hex(read('storm', 'policy.onnx'))).toBe(sha256Hex(read('calm', 'policy.onnx')))
    } catch (error) {
      throw new Error(`MILLRACE_CHAOS_SEED=${seed} npx vitest run --project chaos test/chaos/storm.test.ts`, {
        cause: error,
      })
    }
  },
)
