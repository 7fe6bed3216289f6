import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listedEnvs } from '../../cli/listed/envs.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { loadPair } from '../../library/load/loadPair.ts'

interface Row {
  readonly id: string
  readonly kind: 'tuned' | 'defaults'
  readonly env: string
  readonly algorithm: string
  readonly within: number
  readonly published?: string
  readonly reach?: number
  readonly atLeast?: number
}
interface Run {
  readonly seed: number
  readonly envSteps: number
  readonly seconds: number
  readonly trainingReturn: number
  readonly greedyReturn: number
  readonly reached: boolean
}
type Results = Readonly<Record<string, readonly Run[]>>
interface Measuring {
  readonly file: string
  readonly seeds: number
  readonly again?: boolean
  readonly measure: (row: Row, seed: number) => Promise<Run>
  readonly tell: (text: string) => void
}

const script = async (name: string): Promise<unknown> =>
  await import(new URL(`../../scripts/learn/${name}.mjs`, import.meta.url).href)
const { rowsOf } = (await script('rows')) as { readonly rowsOf: (envs: unknown) => Row[] }
const { tableOf, pageWith, verdict } = (await script('table')) as {
  readonly tableOf: (rows: readonly Row[], results: Results) => string
  readonly pageWith: (page: string, table: string) => string
  readonly verdict: (row: Row, runs: readonly Run[]) => boolean | undefined
}
const { measureMissing, readResults } = (await script('results')) as {
  readonly measureMissing: (rows: readonly Row[], options: Measuring) => Promise<{ ran: number; failed: number }>
  readonly readResults: (file: string) => Results
}

const rows = rowsOf(listedEnvs())
const run = (seed: number, more: Partial<Run> = {}): Run => {
  return { seed, envSteps: 1000 * seed, seconds: 2, trainingReturn: 1, greedyReturn: seed, reached: true, ...more }
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-learn-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test.each(rows.filter(({ kind }) => kind === 'tuned'))(
  '$id is held to what its file says: env, env steps and published figure',
  async ({ id, env, algorithm, within, published = '' }) => {
    const { experiment, tuned } = await loadPair({ env, algorithm })
    expect(tuned).toEqual({ file: join(packageRoot(), `examples/${id}.ts`), env })
    expect(experiment.stop).toEqual({ envSteps: within })
    const quoted = /Published: ([^]*?)(?: by| after|, |\.\n| within)/.exec(readFileSync(tuned?.file ?? '', 'utf8'))?.[1]
    const [figure = 'none'] = /-?[\d.]+/.exec(published) ?? []
    expect(quoted).toContain(figure)
  },
)

test('every algorithm has a row for CartPole and for Acrobot with nothing set', () => {
  for (const { id, algorithms } of listedEnvs().filter(({ id }) => id === 'CartPole-v1' || id === 'Acrobot-v1')) {
    const measured = rows.filter(({ kind, env }) => kind === 'defaults' && env === id).map(({ algorithm }) => algorithm)
    expect(measured.toSorted()).toEqual(algorithms.toSorted())
  }
})

test('a tuned example that is held to nothing is refused', () => {
  const envs = [{ id: 'Taxi-v3', algorithms: ['ppo'], tuned: ['ppo'] }]
  expect(() => rowsOf(envs)).toThrow('has no row for examples/tuned/taxi-ppo.ts')
})

test('what was measured is kept: a second call measures only what is missing, and a failure costs only itself', async () => {
  const file = join(folder, 'learning.json')
  const two = rows.slice(0, 2)
  const asked: string[] = []
  const measure = async ({ id }: Row, seed: number) => {
    asked.push(`${id} ${seed}`)
    if (asked.length === 2) throw new Error('broken')
    return run(seed)
  }
  const options = { file, measure, tell: () => {} }
  expect(await measureMissing(two, { ...options, seeds: 2 })).toEqual({ ran: 3, failed: 1 })
  expect(await measureMissing(two, { ...options, seeds: 2 })).toEqual({ ran: 1, failed: 0 })
  expect(asked.at(-1)).toBe(`${two[0]?.id} 2`)
  expect(await measureMissing(two, { ...options, seeds: 2 })).toEqual({ ran: 0, failed: 0 })
  expect(Object.values(readResults(file)).map((runs) => runs.map(({ seed }) => seed))).toEqual([
    [1, 2],
    [1, 2],
  ])
  expect(await measureMissing(two.slice(0, 1), { ...options, seeds: 1, again: true })).toEqual({ ran: 1, failed: 0 })
})

test('the median of three seeds decides, and a seed that did not reach its goal counts as the worst', () => {
  const defaults: Row = { id: 'd', kind: 'defaults', env: 'E', algorithm: 'a', reach: 1, within: 2000 }
  const late = run(3, { reached: false, envSteps: 2000 })
  expect(verdict(defaults, [run(1), run(2), late])).toBe(true)
  expect(verdict(defaults, [run(1), { ...late, seed: 2 }, late])).toBe(false)
  const tuned: Row = { id: 't', kind: 'tuned', env: 'E', algorithm: 'a', atLeast: 2, within: 1000 }
  expect(verdict(tuned, [run(1), run(2), run(3)])).toBe(true)
  expect(verdict(tuned, [run(1), run(1), run(3)])).toBe(false)
  expect(verdict(tuned, [])).toBeUndefined()
  const table = tableOf([defaults, tuned], { d: [run(1), run(2), late], t: [run(1), run(2), run(3)] })
  expect(table).toMatch(/\| `E` +\| `a` +\| defaults +\| 2,000 +\| 2 s +\| 1 \(1, 1, 1\) +\| ≥ 1 within 2,000 +\| yes/)
  expect(table).toMatch(/\| `E` +\| `a` +\| tuned +\| 2,000 +\| 2 s +\| 2 \(1, 2, 3\) +\| ≥ 2 +\| yes/)
})

test('the page has a place for the table, and all rows', () => {
  const page = readFileSync(join(packageRoot(), 'docs/learning.md'), 'utf8')
  const made = pageWith(page, tableOf(rows, readResults(join(packageRoot(), 'docs/learning.json'))))
  expect(made, 'npm run learn -- --table writes it').toBe(page)
  expect(() => pageWith('# Nothing', 'table')).toThrow('no place for the table')
})
