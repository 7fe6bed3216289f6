import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ListedAlgorithm, listedAlgorithms } from '../../cli/listed/algorithms.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const script = async (name: string): Promise<unknown> =>
  await import(new URL(`../../scripts/${name}`, import.meta.url).href)
const { pageOf } = (await script('pages/page.mjs')) as {
  readonly pageOf: (algorithms: readonly ListedAlgorithm[], sources: Readonly<Record<string, string>>) => string
}
const { algorithmFiles } = (await script('lines.mjs')) as {
  readonly algorithmFiles: (root: string) => Record<string, string>
}
const listed = listedAlgorithms()
const sources = algorithmFiles(packageRoot())

test('the page of algorithms is what their schemas, programs and files say', () => {
  const page = readFileSync(join(packageRoot(), 'docs/algorithms/README.md'), 'utf8')
  expect(page, 'npm run pages writes it').toBe(pageOf(listed, sources))
})

test('every algorithm has a section with its sources, every setting with its default, and every metric', () => {
  for (const { name, settings, optional, metrics, paper } of listed) {
    const section = pageOf(listed, sources).split(`\n## ${name}\n`)[1]?.split('\n## ')[0] ?? ''
    expect(section).toContain(paper)
    expect(section).toMatch(/Defaults: /)
    for (const setting of [...Object.keys(settings), ...optional, ...metrics])
      expect(section).toContain(`| \`${setting}\``)
  }
})

test('a setting that nobody has explained is refused', () => {
  const [first] = listed
  const fresh = [{ ...first, settings: { magic: 1 } } as ListedAlgorithm]
  expect(() => pageOf(fresh, sources)).toThrow('does not say what magic of a2c means')
})
