import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandLines, commandRow, quoted } from '../../cli/display/shell.ts'
import { summaryLines } from '../../cli/display/summary.ts'
import { displayWidth } from '../../cli/display/text.ts'
import { fit, print, wrap } from '../../cli/display/wrap.ts'
import { liveView } from '../../cli/display/liveView.ts'
import { SECTIONS } from '../../cli/help.ts'
import { table } from '../../cli/stage/table.ts'
import { ansiColors } from '../../cli/terminal.ts'
import { FakeTerminal } from './fakeHost.ts'
import { helpOf } from './helpOf.ts'
import { info, progressAt, summaryAt } from './runs.ts'

const letters = (text: string) => text.replace(/\s+/g, '')
const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((w) => w.replace(/[\s\p{C}]/gu, 'x'))
const words = fc.array(word, { maxLength: 30 })

describe('a wrapped line', () => {
  test('is nowhere wider than the terminal, and loses nothing but the spaces where it was broken', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 2, max: 120 }), fc.nat(20), fc.nat(8), (all, width, indent, margin) => {
        const text = ' '.repeat(margin) + all.join(' ')
        const lines = wrap(text, width, indent)
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
        expect(letters(lines.join(''))).toBe(letters(text))
      }),
    )
  })

  test('is broken inside of a word only where the word is wider than a line', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { maxLength: 30 }),
        fc.integer({ min: 24, max: 100 }),
        (all, width) => {
          const lines = wrap(all.join(' '), width, 12)
          expect(lines.join(' ').split(/ +/)).toEqual(all.length === 0 ? [''] : all)
        },
      ),
    )
  })

  test('goes on under its own beginning, with its colours', () => {
    expect(wrap(`  cost on AWS  ${ansiColors.red('$0.0040 (functions $0.0021)')}`, 26, 15)).toEqual([
      '  cost on AWS  \x1b[31m$0.0040',
      '             (functions',
      '             $0.0021)\x1b[39m',
    ])
    expect(wrap('', 10)).toEqual([''])
    expect(wrap('a  b', 10)).toEqual(['a  b'])
  })

  test('on a terminal only: into a pipe a fact is a line; frames of a stack stay whole', () => {
    const text = `error E_ENV_STEP: ${'word '.repeat(30)}\n    at Maze.step (/a/very/long/path/${'x'.repeat(90)}.ts:3:4)\n`
    const piped = new FakeTerminal(false)
    expect(fit(text, piped)).toBe(text)
    const shown = fit(text, new FakeTerminal(true)).split('\n')
    expect(shown.filter((line) => displayWidth(line) > 80)).toEqual([expect.stringMatching(/^ {4}at Maze\.step/)])
    print(piped, [text.slice(0, 100), 'x'])
    expect(piped.text.split('\n')).toHaveLength(3)
  })
})

describe('a printed command', () => {
  const shell = (command: string) => execFileSync('sh', ['-c', command], { encoding: 'utf8' })
  const anything = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .filter((text) => !/[\0\p{Cs}]/u.test(text))
  const nasty = fc.constantFrom(
    '',
    ' ',
    "'",
    `"`,
    '\\',
    '$HOME',
    '`id`',
    '*',
    '~',
    '#',
    '%',
    '\n',
    '-n',
    '=',
    '!',
    'опыт',
    '&;|<>(){}[]?',
  )
  const path = fc.tuple(nasty, anything, nasty).map((parts) => parts.join(''))

  test('says to the shell the very words that were meant, however often it was broken', () => {
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 6 }), fc.integer({ min: 10, max: 100 }), (paths, width) => {
        const command = ['printf', `'%s\\000'`, ...paths.map(quoted)].join(' ')
        const heard = shell(commandLines(command, width, 4).join('\n'))
          .split('\0')
          .slice(0, -1)
        expect(heard).toEqual(paths.map((p) => (p.startsWith('-') ? `./${p}` : p)))
      }),
      { numRuns: 60 },
    )
  })

  test('fits where its words do, and a long label has a line of its own', () => {
    const command = `npx millrace status --stage demo cartpole-20261121-090000-1 --follow`
    for (const width of [40, 60, 80, 120])
      for (const line of commandRow('  follow it  ', command, width))
        expect(displayWidth(line)).toBeLessThanOrEqual(width)
    expect(commandRow('the run is over; what it left comes with  ', command, 60)).toEqual([
      'the run is over; what it left comes with',
      '    npx millrace status --stage demo \\',
      '      cartpole-20261121-090000-1 --follow',
    ])
  })
})

describe.each([40, 60, 80, 120])('at %i columns', (width) => {
  const fits = (lines: readonly string[]) => {
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
  }

  test('the summary fits and has every figure', () => {
    const lines = summaryLines(summaryAt(40), { width, goal: 475, folder: 'runs/cartpole-20261121-090000-1' })
    fits(lines)
    const text = lines.join(' ').replace(/\s+/g, ' ')
    for (const figure of ['480 (last', '$0.0040 (functions $0.0021, queue $0.0016, bucket $0.0003)', '102,400 in'])
      expect(text).toContain(figure)
    expect(lines.join('\n')).toMatchSnapshot()
  })

  test('the live view fits and has every figure', () => {
    const note = 'stopping the functions and saving the run; Ctrl-C again to stop at once'
    const progress = progressAt(30, { dropped: { stale: 12, duplicate: 3, corrupt: 1, foreign: 0, envSteps: 4096 } })
    const lines = liveView({ info, elapsedMs: 2600, progress, baseline: 20, note }, { width: width - 1 })
    fits(lines)
    const text = lines.join(' ').replace(/\s+/g, ' ')
    for (const figure of ['76,800 of 2,000,000', '46,545', '30 (18/s)', '0 / 0.8 / 1', '31%', '2.6 s', '$0.0030', note])
      expect(text).toContain(figure)
    expect(text.replace(/ /g, '')).toContain('dropped12stale,3duplicate,1corrupt(4,096envsteps)')
  })

  test('a table fits, and names its values where it has no columns', () => {
    const heads = ['run', 'state', 'env steps', 'mean return', 'cost', 'age']
    const rows = [
      ['cartpole-20261121-091500-2-5e6f7a8b', 'running', '76,800', '365', '$0.0030', '0:42'],
      ['cartpole-20261121-090000-1-1a2b3c4d', 'ended at goal', '102,400', '480', '$0.0040', '15:42'],
    ]
    const { head, body } = table(heads, rows, { right: [2, 3, 4, 5], width })
    fits([...head, ...body])
    for (const cell of rows.flat()) expect(body.join('')).toContain(cell)
    expect([...head, ...body].join('\n')).toMatchSnapshot()
  })

  test('every help fits', async () => {
    for (const name of ['', ...SECTIONS.flatMap(({ commands }) => Object.keys(commands))])
      fits((await helpOf(name, width)).split('\n'))
  })
})
