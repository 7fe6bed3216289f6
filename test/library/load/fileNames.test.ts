import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { bundleEnvCode, bundleForLearner } from '../../../library/load/bundle.ts'
import { runFile } from '../../../library/load/runFile.ts'
import { oneLine } from '../../../shared/oneLine.ts'

// A file's name gets into source text, source maps, URLs and sentences on its way; any name must survive all of them.

const folder = mkdtempSync(join(tmpdir(), 'millrace-names-'))
afterAll(() => rmSync(folder, { recursive: true }))

// As little of Millrace as an experiment needs to be bundled: the names are what is tried here.
const library = join(folder, 'library.js')
writeFileSync(library, `export const experiment = (e) => e\nexport const asDefinition = (env) => env`)
const entries = new Map([
  ['millrace', library],
  ['millrace/env', library],
])

const EXPERIMENT = `import { experiment } from 'millrace'\nexport default experiment({ env: { id: 'Mine' } as object })`

let written = 0
async function imported(code: Uint8Array): Promise<unknown> {
  const file = join(folder, `code-${written++}.mjs`)
  writeFileSync(file, code)
  return ((await import(pathToFileURL(file).href)) as { readonly default: unknown }).default
}

async function tryName(name: string): Promise<void> {
  const file = join(folder, name)
  const run = () => runFile(file, { code: 'E_EXPERIMENT', entries })
  writeFileSync(file, EXPERIMENT)
  try {
    expect(await run()).toMatchObject({ default: { env: { id: 'Mine' } } })
    expect(await imported(await bundleEnvCode(file, entries))).toEqual({ env: { id: 'Mine' } })
    expect(new TextDecoder().decode(await bundleForLearner(file, entries))).toContain('Mine')
    writeFileSync(file, `const x: number = 1\nif (x > 0) throw new Error('no')`)
    const sentence = await run().then(() => 'no error', String)
    expect(oneLine(sentence)).toContain(oneLine(`${name}:2:18 threw while loading: Error: no`))
  } finally {
    rmSync(file)
  }
}

test.each([
  `bob's-env.ts`,
  'a\\b.ts',
  `\\'.ts`,
  'exp#2.ts',
  'what?.ts',
  'опыт 1.ts',
  '100%25.ts',
  '"quoted".ts',
  'new\nline.ts',
  '-dash.ts',
  '`x`${y}.ts',
  'st*r[1]{2}.ts',
  'a(b).ts',
  '..dots.ts',
])('an experiment in %j loads, is bundled, and its faults name it', tryName)

test('so does one in a file of any name', async () => {
  const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((name) => !/[/\0\p{Cs}]/u.test(name))
  await fc.assert(
    fc.asyncProperty(names, async (name) => await tryName(`${name}.ts`)),
    { numRuns: 8 },
  )
})

test('data that code imports is in the bundle: JSON as what it holds, text as text', async () => {
  writeFileSync(join(folder, 'table.json'), '[1, 2, 3]')
  for (const name of ['words.txt', 'words.csv', 'words.tsv', 'words.md']) writeFileSync(join(folder, name), 'a,b')
  const file = join(folder, 'data.ts')
  writeFileSync(
    file,
    `import table from './table.json' with { type: 'json' }
     import plain from './table.json'
     import a from './words.txt'
     import b from './words.csv'
     import c from './words.tsv'
     import d from './words.md'
     export default { env: { id: [table.length, plain[2], a, b, c, d].join() } }`,
  )
  const code = await bundleEnvCode(file, entries)
  for (const name of ['table.json', 'words.txt', 'words.csv', 'words.tsv', 'words.md']) rmSync(join(folder, name))
  expect(await imported(code)).toEqual({ env: { id: '3,3,a,b,a,b,a,b,a,b' } })
})
