import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bundleForHere } from '../../../library/load/bundle.ts'
import { bundledSources } from '../../../library/load/bundledSources.ts'
import { libraryEntries } from '../../../library/load/libraryEntries.ts'
import { missingExport } from '../../../library/load/missingExport.ts'

// Node's own error, by its words: Vitest loads modules itself. test/artefact/package.test.ts has the built command meet the real one.
const entries = libraryEntries()
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function explain(source: string, name: string, specifier = 'millrace') {
  const file = join(folder, 'my.ts')
  const outfile = join(folder, 'out', 'user.mjs')
  writeFileSync(file, source)
  const code = await bundleForHere(file, { outfile, entries })
  const url = pathToFileURL(entries.get(specifier) ?? '').href
  const error = new SyntaxError(`The requested module '${url}' does not provide an export named '${name}'`)
  const found = await missingExport(error, { sources: () => bundledSources({ file: outfile, code }), entries })
  return { sentence: found?.sentence, at: found?.at && `${found.at.line}:${found.at.column}` }
}

test('the nearest name, or all there are, with the place of the name in the import that asks for it', async () => {
  expect(
    await explain(`import { experiment, impalla } from 'millrace'\nexport default [experiment, impalla]`, 'impalla'),
  ).toEqual({
    at: '1:22',
    sentence: `'millrace' exports no 'impalla'; did you mean 'impala'?`,
  })
  const long = `// import { sarsa } from 'millrace'\nimport { experiment } from 'millrace'\nimport {\n  /* sarsa, */ impala,\n  sarsa as mine,\n} from 'millrace'\nexport default [experiment, impala, mine]`
  const { at, sentence } = await explain(long, 'sarsa')
  expect(at).toBe('5:3')
  expect(sentence).toMatch(/^'millrace' exports no 'sarsa'; it has .*\bexperiment\b.*\bimpala\b/)
})

test('a name that another entry has, a type, and a default export that there is not, are each said to be that', async () => {
  expect(
    await explain(`import { makeVectorEnv } from 'millrace'\nexport default makeVectorEnv`, 'makeVectorEnv'),
  ).toEqual({
    at: '1:10',
    sentence: `'millrace' exports no 'makeVectorEnv'; it is in 'millrace/env'`,
  })
  const { sentence } = await explain(`import { Env } from 'millrace'\nexport default Env`, 'Env')
  expect(sentence).toBe("'millrace' exports no 'Env'; it is a type: write `import type { Env } from 'millrace'`")
  const own = await explain(`import millrace from 'millrace'\nexport default millrace`, 'default')
  expect(own.at).toBe('1:8')
  expect(own.sentence).toMatch(/^'millrace' has no default export; it has /)
})

test('any other error is left to others', async () => {
  const bundle = { sources: () => new Map<string, string>(), entries }
  for (const error of [new SyntaxError('Unexpected token'), new TypeError('m.sarsa is not a function'), 'no error'])
    expect(await missingExport(error, bundle)).toBeUndefined()
})
