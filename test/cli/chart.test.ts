import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chart } from '../../cli/display/chart.ts'
import { displayWidth } from '../../cli/display/text.ts'
import { asciiGlyphs, unicodeGlyphs } from '../../cli/terminal.ts'

const rising = Array.from({ length: 50 }, (_, i) => [(i + 1) * 2000, 500 / (1 + Math.exp(-(i - 25) / 5))] as const)

test('a learning curve with its goal, in Unicode and in ASCII', () => {
  expect(chart(rising, { width: 60, height: 12, goal: 475, glyphs: unicodeGlyphs }).join('\n')).toMatchSnapshot()
  expect(chart(rising, { width: 40, height: 5, glyphs: asciiGlyphs }).join('\n')).toMatchSnapshot()
})

test('any points give height + 2 lines of at most the width, or none', () => {
  const points = fc
    .array(fc.tuple(fc.nat(1e9), fc.double()), { maxLength: 300 })
    .map((p) => p.sort((a, b) => a[0] - b[0]))
  fc.assert(
    fc.property(points, fc.integer({ min: 20, max: 200 }), fc.integer({ min: 2, max: 20 }), (p, width, height) => {
      const lines = chart(p, { width, height })
      expect([0, height + 2]).toContain(lines.length)
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
    }),
  )
})

test('a constant curve, a single point and no point at all are drawn', () => {
  expect(chart([], { width: 60, height: 12 })).toEqual([])
  expect(chart([[5, NaN]], { width: 60, height: 12 })).toEqual([])
  expect(chart([[1000, 9]], { width: 60, height: 12 })).toHaveLength(14)
  expect(
    chart(
      [
        [1, 9],
        [1000, 9],
      ],
      { width: 60, height: 12, goal: 9 },
    ),
  ).toHaveLength(14)
})

test('the column heights follow the curve: full at its maximum, half-way at its mean', () => {
  const lines = chart(
    [
      [1, 0],
      [100, 100],
    ],
    { width: 50, height: 10, glyphs: unicodeGlyphs },
  )
  const plot = lines.slice(0, 10).map((line) => Array.from(line.slice(6).padEnd(44)))
  const heights = Array.from(
    { length: 43 },
    (_, column) => plot.filter((row) => row[column] !== undefined && row[column] !== ' ').length,
  )
  expect(heights.at(-1)).toBe(10)
  expect(heights[21]).toBeGreaterThanOrEqual(5)
  expect(heights[21]).toBeLessThanOrEqual(6)
  expect(heights).toEqual([...heights].sort((a, b) => a - b))
})
