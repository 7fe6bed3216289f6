import { afterEach, expect, test, vi } from 'vitest'
import { LogStore } from '../../../../infra/local/control/logStore.ts'
import { MachineGroup } from '../../../../infra/local/control/machineGroup.ts'
import { Reaper } from '../../../../infra/local/lambda/environmentReaper.ts'
import { virtualClock } from '../../../fakes/virtualClock.ts'
import { isRunning } from '../lambda/support.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A group whose machines run a piece of JavaScript. */
function start(script: string, file = process.execPath) {
  const clock = virtualClock()
  const reaper = new Reaper()
  const logs = new LogStore(clock)
  const command = { file, args: ['-e', script], environment: { GREETING: 'hello' } }
  const group = new MachineGroup({ name: 'group', command, logGroup: '/learner' }, { clock, reaper, logs })
  const close = async () => {
    await group.close(200)
    reaper.close()
  }
  closing.push(close)
  const lines = () => (logs.read('/learner') ?? []).map(({ text }) => text)
  const printed = (text: string) => vi.waitFor(() => expect(lines()).toContain(text), { interval: 5, timeout: 15_000 })
  const gone = (pid: number) => vi.waitFor(() => expect(isRunning(pid)).toBe(false), { interval: 5, timeout: 15_000 })
  return { group, clock, lines, printed, gone, close }
}

const STAYS = `setInterval(() => {}, 1000);`

test('a machine that is not desired any more is told with SIGTERM; what it says last is in its log', async () => {
  const { group, lines, printed } = start(
    `${STAYS} process.on('SIGTERM', () => { console.log('checkpoint'); process.exit(0) }); console.log(process.env.GREETING)`,
  )
  group.set(1)
  await printed('hello')
  expect(group.running).toBe(1)
  group.set(0)
  expect(group.running).toBe(0)
  await printed('checkpoint')
  await vi.waitFor(() => expect(group.machines).toEqual([]), { interval: 5, timeout: 15_000 })
  expect(lines().at(-1)).toMatch(/^the machine i-[0-9a-f]{17} of group has ended: exit status 0$/)
})

test('one that will not end has 30 s, and then ends with all that it started', async () => {
  const child = `require('node:child_process').spawn('sleep', ['60'], { stdio: 'ignore' }).pid`
  const { group, clock, lines, printed, gone } = start(
    `${STAYS} process.on('SIGTERM', () => console.log('no')); console.log('child', ${child}); console.log('up')`,
  )
  group.set(1)
  await printed('up')
  const pid = group.machines[0]?.pid ?? 0
  group.set(0)
  await printed('no')
  await clock.advance(29_999)
  expect(isRunning(pid)).toBe(true)
  await clock.advance(1)
  await gone(pid)
  await gone(Number(/child (\d+)/.exec(lines().join('\n'))?.[1]))
})

test('one that ends by itself is started again while it is desired, at most once a second', async () => {
  const { group, clock, lines } = start(`console.log('started')`)
  const starts = () => lines().filter((line) => line === 'started').length
  const ended = (n: number) =>
    vi.waitFor(() => expect(lines().filter((line) => line.includes('has ended'))).toHaveLength(n), {
      interval: 5,
      timeout: 15_000,
    })
  group.set(1)
  await ended(1)
  await clock.advance(999)
  expect([starts(), group.machines.length]).toEqual([1, 0])
  await clock.advance(1)
  await ended(2)
  group.set(0)
  await clock.advance(60_000)
  expect([starts(), group.machines.length]).toEqual([2, 0])
})

test('one that is taken away while desired is replaced, also while it still takes its leave', async () => {
  const { group, clock, printed } = start(
    `${STAYS} process.on('SIGTERM', () => console.log('leaving')); console.log('up')`,
  )
  group.set(1)
  await printed('up')
  const [first] = group.machines
  await clock.advance(1000)
  expect(group.terminate(first?.id ?? '')).toBe(true)
  await printed('leaving')
  expect(group.machines.map(({ state }) => state)).toEqual(['Terminating', expect.stringMatching(/Pending|InService/)])
  expect(group.terminate('i-0')).toBe(false)
})

test('a command that cannot be run is said in the log, and tried again', async () => {
  const { group, clock, lines } = start('', '/no/such/file')
  const failed = (n: number) => vi.waitFor(() => expect(lines()).toHaveLength(n), { interval: 5, timeout: 15_000 })
  group.set(1)
  await failed(1)
  expect(lines()[0]).toMatch(/has ended: spawn \/no\/such\/file ENOENT$/)
  await clock.advance(1000)
  await failed(2)
})

test('closing ends what will not end, and starts nothing any more', async () => {
  const { group, clock, printed, close } = start(`${STAYS} process.on('SIGTERM', () => {}); console.log('up')`)
  group.set(1)
  await printed('up')
  const pid = group.machines[0]?.pid ?? 0
  await close()
  expect(isRunning(pid)).toBe(false)
  await clock.advance(60_000)
  expect([group.machines, clock.sleeping]).toEqual([[], 0])
})
