import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { liveDisplay } from '../../cli/display/liveDisplay.ts'
import { liveView, type LiveState } from '../../cli/display/liveView.ts'
import { plainDisplay } from '../../cli/display/plainDisplay.ts'
import { summaryLines } from '../../cli/display/summary.ts'
import { clip, displayWidth } from '../../cli/display/text.ts'
import { ansiColors, asciiGlyphs, chooseColors, chooseGlyphs, noColors, unicodeGlyphs } from '../../cli/terminal.ts'
import type { Progress } from '../../learner/run/observer.ts'
import { FakeHost } from './fakeHost.ts'
import { info, progressAt, summaryAt } from './runs.ts'

const state: LiveState = { info, elapsedMs: 2600, progress: progressAt(30), baseline: 20 }

describe('the live view', () => {
  test.each([60, 80, 120])('fills %i columns', (width) => {
    expect(liveView(state, { width }).join('\n')).toMatchSnapshot()
  })

  test('is never wider than the terminal, whatever the run does', () => {
    const number = fc.oneof(fc.double(), fc.nat(), fc.constant(1e9))
    const spread = fc.record({ min: number, mean: number, max: number })
    const changes: fc.Arbitrary<Partial<Progress>> = fc.record({
      meanReturn: fc.option(number, { nil: null }),
      lag: spread,
      stepsPerSecond: number,
      costUsd: number,
      learnerIdleShare: number,
      dropped: fc.record({
        stale: fc.nat(),
        duplicate: fc.nat(),
        corrupt: fc.nat(),
        foreign: fc.nat(),
        envSteps: fc.nat(),
      }),
    })
    const stop = fc.record({
      meanReturn: fc.option(number, { nil: undefined }),
      envSteps: fc.option(number, { nil: undefined }),
    })
    const run = (
      width: number,
      {
        changed,
        ends,
        where,
        note,
      }: { changed: Partial<Progress>; ends: typeof info.stop; where: string; note: string },
    ) => {
      const seen: LiveState[] = [
        { info: { ...info, where, stop: ends }, elapsedMs: 1, note },
        { info: { ...info, where, stop: ends }, elapsedMs: 1e8, note, progress: progressAt(3, changed), baseline: 20 },
      ]
      for (const glyphs of [unicodeGlyphs, asciiGlyphs]) {
        for (const one of seen) {
          for (const line of liveView(one, { width, colors: ansiColors, glyphs })) {
            expect(displayWidth(line)).toBeLessThanOrEqual(width)
            expect(line).not.toContain('\n')
          }
        }
      }
    }
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 200 }),
        fc.record({
          changed: changes,
          ends: stop,
          where: fc.string({ unit: 'grapheme' }),
          note: fc.string({ unit: 'grapheme' }),
        }),
        run,
      ),
    )
  })

  test('the bar runs from the first mean return to the goal, also below zero', () => {
    const pendulum = { ...info, stop: { meanReturn: -200 } }
    const at = (meanReturn: number) =>
      liveView(
        { info: pendulum, elapsedMs: 0, baseline: -1200, progress: progressAt(1, { meanReturn }) },
        { width: 80 },
      )[0]
    expect(at(-1200)).toMatch(/^░{40} {3}0%/)
    expect(at(-700)).toMatch(/^█{20}░{20} {2}50%/)
    expect(at(-150)).toMatch(/^█{40} 100%/)
    expect(at(-5000)).toMatch(/^░{40} {3}0%/)
  })

  test('clipping keeps escape codes whole and closes colours', () => {
    expect(clip(ansiColors.red('abcdef'), 3)).toBe('\x1b[31mabc\x1b[39m')
    expect(displayWidth('環境 é')).toBe(6)
  })
})

describe('the live display', () => {
  test('redraws its lines in place, at most once a timer tick, and leaves the cursor shown', () => {
    const host = new FakeHost('/', { isTTY: true })
    const display = liveDisplay(host)
    display.onStart?.(info)
    const before = host.out.text
    for (let n = 1; n <= 1000; n++) display.onProgress?.(progressAt(30))
    expect(host.out.text).toBe(before)
    for (let n = 0; n < 5; n++) host.advance(100)
    display.onEvent?.({ level: 'warn', text: 'lease 17 was lost' })
    host.advance(100)
    display.onEnd?.(summaryAt(40))
    display.close()
    const screen = host.out.screen()
    expect(screen.slice(0, 3)).toEqual([
      'impala on CartPole-v1, seed 1, emulated cloud, until mean return 475 or',
      '  2,000,000 env steps',
      'warning: lease 17 was lost',
    ])
    expect(screen.slice(3)).toEqual(
      liveView({ info, elapsedMs: 600, progress: progressAt(40), baseline: 365 }, { width: 79 }),
    )
    expect(host.out.text.endsWith('\x1b[?25h')).toBe(true)
    expect(host.openHandles).toBe(0)
  })

  test('the time of a run elsewhere never falls back: it stands still while another learner takes the run over', () => {
    const host = new FakeHost('/', { isTTY: true })
    const display = liveDisplay(host, { elsewhere: true })
    display.onStart?.(info)
    const times: number[] = []
    const pass = (ticks: number) => {
      for (let n = 0; n < ticks; n++) {
        host.advance(1000)
        const [, minutes, seconds] = /time (\d+):(\d+)/.exec(host.out.screen().join(' ')) ?? []
        times.push(60 * Number(minutes) + Number(seconds))
      }
    }
    const at = (atMs: number) => display.onProgress?.({ ...progressAt(30), atMs })
    for (const atMs of [60_000, 61_000]) {
      at(atMs)
      pass(1)
    }
    pass(12) // nobody learns
    for (const atMs of [61_500, 62_500, 63_500, 64_500, 65_500]) {
      at(atMs)
      pass(1)
    }
    expect(times.slice(0, 5)).toEqual([61, 62, 63, 64, 64])
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.at(-1)).toBe(66)
    display.close()
  })

  test('the time of a run that is taken up goes on from what it has taken', () => {
    const host = new FakeHost('/', { isTTY: true })
    const display = liveDisplay(host, { earlierMs: 41_000 })
    display.onStart?.(info)
    host.advance(2_000)
    expect(host.out.screen().join(' ')).toContain('time 43.0 s')
    display.close()
  })

  test('the time shown does not follow a wall clock that is set', () => {
    const host = new FakeHost('/', { isTTY: true })
    const display = liveDisplay(host)
    display.onStart?.(info)
    display.onProgress?.(progressAt(30))
    host.advance(5_000)
    for (const wallAhead of [3_600_000, -3_600_000]) {
      host.wallAhead = wallAhead
      host.advance(1_000)
      expect(host.out.screen().join(' ')).toMatch(/time [67]\.0 s/)
    }
    display.close()
  })

  test('a terminal made narrower is cleared of the lines it wrapped', () => {
    const host = new FakeHost('/', { isTTY: true })
    const display = liveDisplay(host)
    display.onStart?.(info)
    display.onProgress?.(progressAt(30))
    host.advance(100)
    const wide = liveView({ info, elapsedMs: 100, progress: progressAt(30), baseline: 365 }, { width: 79 })
    host.out.columns = 40
    host.out.text = ''
    host.advance(100)
    const rows = wide.reduce((sum, line) => sum + Math.ceil(displayWidth(line) / 40), 0)
    expect(host.out.text.startsWith(`\x1b[${rows}A\r\x1b[J`)).toBe(true)
  })
})

test('plain output of a recorded run: a line a second, then fewer, no escape codes', () => {
  const host = new FakeHost('/')
  const display = plainDisplay(host.out)
  display.onStart?.(info)
  for (let n = 1; n <= 40; n++) {
    display.onProgress?.(progressAt(n))
    if (n === 20) display.onEvent?.({ level: 'warn', text: 'a batch was rejected:\nits hash is wrong \x1b[31m' })
  }
  for (let atMs = 3000; atMs < 3_600_000; atMs += 250) display.onProgress?.(progressAt(40, { atMs }))
  display.onEnd?.(summaryAt(40))
  display.close()
  const lines = host.out.text.split('\n')
  expect(lines.slice(0, 8).join('\n')).toMatchSnapshot()
  expect(host.out.text).not.toContain('\x1b')
  expect(lines.length).toBeGreaterThan(100)
  expect(lines.length).toBeLessThan(350) // an hour of training
})

describe('the summary', () => {
  test('says why it ended, what it cost, where the folder is and what to type next', () => {
    const lines = summaryLines(summaryAt(40), { width: 80, goal: 475, folder: 'runs/my run', glyphs: unicodeGlyphs })
    expect(lines.join('\n')).toMatchSnapshot()
    expect(lines.at(-1)).toContain("millrace evaluate 'runs/my run'")
  })

  test('a goal that was missed is named', () => {
    const text = summaryLines(summaryAt(20, { reason: 'envSteps' }), { width: 80, goal: 475, folder: 'runs/a' }).join(
      '\n',
    )
    expect(text).toContain('Ended by the limit on env steps, before the goal of 475.')
    expect(summaryLines(summaryAt(0, { reason: 'interrupted' }), { width: 80, folder: 'runs/a' }).join('\n')).toContain(
      'Ended by an interruption.',
    )
  })

  test('fits the terminal, except for the command to copy', () => {
    for (const width of [20, 40, 60, 80, 120]) {
      // A command is broken between its words only: they have to be copied whole.
      const lines = summaryLines(summaryAt(40), { width, goal: 475, folder: 'runs/a' }).filter(
        (line) => width >= 40 || !line.includes('millrace'),
      )
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
    }
  })
})

test('colours only on a capable terminal and without NO_COLOR; ASCII where the locale is not UTF-8', () => {
  expect(chooseColors(true, {})).toBe(ansiColors)
  expect(chooseColors(false, { CI: '1', FORCE_COLOR: '1' })).toBe(noColors)
  expect(chooseColors(true, { NO_COLOR: '1' })).toBe(noColors)
  expect(chooseColors(true, { TERM: 'dumb' })).toBe(noColors)
  expect(chooseGlyphs({})).toBe(unicodeGlyphs)
  expect(chooseGlyphs({ LANG: 'en_US.UTF-8' })).toBe(unicodeGlyphs)
  expect(chooseGlyphs({ LC_ALL: 'C' })).toBe(asciiGlyphs)
})
