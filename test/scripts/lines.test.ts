import { expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { ALGORITHM_NAMES } from '../../learner/algorithms/index.ts'

interface Counted {
  readonly rows: readonly { readonly name: string; readonly plan: number; readonly file: number }[]
  readonly wrong: readonly string[]
}
const { counted, algorithmFiles, sharedFiles, codeLines, planLines, MOST_LINES } = (await import(
  new URL('../../scripts/lines.mjs', import.meta.url).href
)) as {
  readonly counted: (files: Readonly<Record<string, string>>, beside?: readonly string[]) => Counted
  readonly algorithmFiles: (root: string) => Record<string, string>
  readonly sharedFiles: (root: string) => string[]
  readonly codeLines: (source: string) => string[]
  readonly planLines: (source: string) => string[]
  readonly MOST_LINES: number
}

const files = algorithmFiles(packageRoot())

test('every plan is shorter than RLlib Flow has it, no file is too long, and all algorithms were looked at', () => {
  const { rows, wrong } = counted(files, sharedFiles(packageRoot()))
  expect(wrong).toEqual([])
  expect(rows.map(({ name }) => name).toSorted()).toEqual(ALGORITHM_NAMES)
  for (const { plan, file } of rows) {
    expect(plan).toBeGreaterThan(4)
    expect(file).toBeGreaterThan(plan)
  }
})

const SMALL = `import { z } from 'zod'
import {
  algorithm,
} from '../algorithm.ts'

/** A comment
 * of two lines. */
export const small = algorithm({
  name: 'small', // and one more

  plan: (plan) =>
    plan
      .source('// no comment /* either */', x)

      .via(y()),

  program() {
    return 1
  },
})
`

test('blank lines, comments and imports are no code; text in quotes is', () => {
  expect(codeLines(SMALL).map((line) => line.trim())).toEqual([
    'export const small = algorithm({',
    "name: 'small',",
    'plan: (plan) =>',
    'plan',
    ".source('// no comment /* either */', x)",
    '.via(y()),',
    'program() {',
    'return 1',
    '},',
    '})',
  ])
  expect(planLines(SMALL)).toHaveLength(4)
})

test('a part that a plan takes from elsewhere counts as its own', () => {
  const taking = SMALL.replace('    plan\n', '    half(plan)\n')
  const half = `/** Half of a plan. */
export const half = (plan: Plan) =>
  plan
    .via(z())

export const other = 1
`
  expect(counted({ taking }).rows[0]?.plan).toBe(4)
  expect(counted({ taking }, [half]).rows[0]?.plan).toBe(7)
})

test('planted faults are found: a plan that is longer, a file that is too long, and nothing to look at', () => {
  const lines = (n: number) => '      .via(y())\n'.repeat(n)
  const longer = SMALL.replace('      .via(y()),\n', `${lines(18)}      .via(y()),\n`)
  expect(counted({ a2c: longer }).wrong).toEqual(['a2c: a plan of 22 lines, RLlib Flow has 18'])
  const filled = SMALL.replace('    return 1\n', '    x()\n'.repeat(MOST_LINES))
  expect(counted({ mine: filled }).wrong).toEqual([`mine: a file of ${MOST_LINES + 9} lines, at most ${MOST_LINES}`])
  expect(counted({}).wrong).toEqual(['no algorithm was looked at'])
  expect(() => counted({ none: 'export const none = 1' })).toThrow('has no plan')
})
