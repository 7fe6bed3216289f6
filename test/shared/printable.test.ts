import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fit } from '../../cli/display/wrap.ts'
import { report } from '../../cli/report.ts'
import { RunStatus } from '../../learner/stage/records.ts'
import { MillraceError } from '../../shared/errors.ts'
import { oneLine } from '../../shared/oneLine.ts'
import { printable, printableWithColors } from '../../shared/printable.ts'
import { LeaseError } from '../../shared/protocol/lease.ts'
import { Label, Text } from '../../shared/protocol/names.ts'
import { showThrown } from '../../shared/showValue.ts'

/** What a terminal would obey, or what would show other text than there is. */
const HARM = /[^\P{Cc}\n\t]|[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u
// oxlint-disable-next-line no-control-regex
const COLORS = /\x1b\[[\d;]*m/g
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\x1b[2J', '\x1b]0;t\x07', '\x9b1m', '\u202e', '\r', '\x1b'),
    ),
  )
  .map((parts) => parts.join(''))

test('whatever comes from outside, what is shown holds nothing that a terminal obeys or that hides text, and twice is as once', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const ways = [
        printable(text),
        oneLine(text),
        showThrown(new Error(text)),
        showThrown(text),
        report(new MillraceError('E_ENV_STEP', text, { [text]: text }, { userStack: `at ${text}` })).text,
        fit(text, { isTTY: true, columns: 40 }).replace(COLORS, ''),
        Text.parse(text),
        LeaseError.parse({ code: 'E_ENV_STEP', message: text, where: { at: text }, stack: text }).where![
          'at'
        ] as string,
        RunStatus.shape.events.parse([{ n: 0, at: 1, level: 'warn', text }])[0]!.text,
      ]
      for (const shown of ways) expect(shown).not.toMatch(HARM)
      expect(printable(printable(text))).toBe(printable(text))
    }),
  )
})

test('escape sequences are left out, and what turns or hides text can be seen; other languages, emoji and ends of lines stay', () => {
  expect(printable('\x1b[31mred\x1b[0m \x1b]0;title\x07end')).toBe('red end')
  expect(printable('a\u202egpj.exe \x9b2J \x07')).toBe('a\\u202egpj.exe \\u009b2J \\u0007')
  expect(printable('grüße 你好 שלום 👩‍🚀\n\tx')).toBe('grüße 你好 שלום 👩‍🚀\n\tx')
  expect(printableWithColors('\x1b[31mred\x1b[0m\x1b[2J')).toBe('\x1b[31mred\x1b[0m')
})

test('a name that is shown is refused where it is not what it shows', () => {
  for (const name of ['a\u202eb', 'a\nb', 'a\u200bb', 'a\x9bb', 'a\tb'])
    expect(Label.safeParse(name).success).toBe(false)
  expect(Label.parse('Dock-v1 港')).toBe('Dock-v1 港')
})
