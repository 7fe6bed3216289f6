import { EventEmitter } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { bundleEnvCode, loadExperiment } from '../../../library/load/loadExperiment.ts'
import { bundleForHere } from '../../../library/load/bundle.ts'
import { findExperimentFile } from '../../../library/load/findFile.ts'
import { libraryEntries } from '../../../library/load/libraryEntries.ts'
import { isMillraceError, type MillraceError } from '../../../shared/errors.ts'
import { userTrace } from '../../../shared/userCode/index.ts'
import { knowBundle } from '../../../shared/userCode/sourceMapped.ts'

const library = fileURLToPath(new URL('../../cli/fixtures/library.ts', import.meta.url))
const entries = new Map([
  ['millrace', library],
  ['millrace/env', library],
])
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

function write(name: string, text: string): string {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

const load = (given: string) => loadExperiment(given, { cwd: folder, entries })

async function complaint(given: string): Promise<MillraceError> {
  const error: unknown = await load(given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!isMillraceError(error)) throw new Error(`expected a MillraceError, got ${String(error)}`, { cause: error })
  expect(error.message).not.toMatch(/\n|^\s+at /)
  return error
}

const minimal = `export default experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm() })`

describe('loading', () => {
  test('TypeScript is run as it is: types, parameter types, imports of other TypeScript files', async () => {
    write('parts/settings.ts', `export interface S { shards: number }\nexport const settings: S = { shards: 7 }`)
    write(
      'my.ts',
      `import { experiment, fakeAlgorithm } from 'millrace'
       import { settings, type S } from './parts/settings.ts'
       const twice = (s: S): number => s.shards * 2
       export default experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm(), rollouts: { shards: twice(settings) } })`,
    )
    const loaded = await load('my.ts')
    expect(loaded).toMatchObject({ file: join(folder, 'my.ts'), name: 'my', ownEnv: false })
    expect(loaded.experiment.rollouts).toMatchObject({ shards: 14, envsPerShard: 32 })
  })

  test('JavaScript too, with the extension left out, and a plain object gets its defaults', async () => {
    write(
      'my.mjs',
      `import { fakeAlgorithm } from 'millrace'\nexport default { env: 'CartPole-v1', algorithm: fakeAlgorithm(), seed: 5 }`,
    )
    const { experiment } = await load('my')
    expect(experiment).toMatchObject({ seed: 5, rollouts: { fragmentLength: 20 }, stop: {} })
  })

  test("an env class in the file is the user's own; so is one registered by id", async () => {
    write(
      'own.ts',
      `import { experiment, fakeAlgorithm } from 'millrace'\nclass Maze {}\nexport default experiment({ env: Maze as never, algorithm: fakeAlgorithm() })`,
    )
    expect((await load('own.ts')).ownEnv).toBe(true)
    write(
      'registered.ts',
      `import { experiment, fakeAlgorithm, registerEnv } from 'millrace'
       registerEnv({ id: 'Registered-v0', make() { throw new Error('not here') } })
       export default experiment({ env: 'Registered-v0', algorithm: fakeAlgorithm() })`,
    )
    expect((await load('registered.ts')).ownEnv).toBe(true)
  })

  test("packages come from the user's folder, ES modules and CommonJS; import.meta.url is the user's file", async () => {
    write(
      'node_modules/esm-package/package.json',
      `{ "name": "esm-package", "type": "module", "exports": "./main.js" }`,
    )
    write('node_modules/esm-package/main.js', `export const shards = 3`)
    write('node_modules/cjs-package/package.json', `{ "name": "cjs-package", "main": "main.js" }`)
    write('node_modules/cjs-package/main.js', `module.exports = { envsPerShard: 5 }`)
    write('data/seed.json', `{ "seed": 11 }`)
    write(
      'my.ts',
      `import { readFileSync } from 'node:fs'
       import { experiment, fakeAlgorithm } from 'millrace'
       import { shards } from 'esm-package'
       import cjs from 'cjs-package'
       const { seed } = JSON.parse(readFileSync(new URL('./data/seed.json', import.meta.url), 'utf8'))
       export default experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm(), rollouts: { shards, ...cjs }, seed })`,
    )
    const { experiment } = await load('my.ts')
    expect(experiment).toMatchObject({ seed: 11, rollouts: { shards: 3, envsPerShard: 5 } })
  })

  test('nothing stays in the temporary folder, whether it loads or fails', async () => {
    // One of its own: in the machine's, others come and go.
    const temporary = join(folder, 'temporary')
    mkdirSync(temporary)
    vi.stubEnv('TMPDIR', temporary)
    write('good.ts', `import { experiment, fakeAlgorithm } from 'millrace'\n${minimal}`)
    write('bad.ts', `throw new Error('no')`)
    await load('good.ts')
    await complaint('bad.ts')
    expect(readdirSync(temporary)).toEqual([])
  })
})

describe('one sentence says what is wrong and where', () => {
  test('a missing file, with the nearest that is there', async () => {
    write('cartpole.ts', minimal)
    expect(await complaint('cartpol.ts')).toMatchObject({
      code: 'E_EXPERIMENT',
      message: 'there is no experiment file cartpol.ts; did you mean cartpole.ts?',
    })
    expect((await complaint('nowhere/cartpole.ts')).message).toContain(`there is no folder ${join(folder, 'nowhere')}`)
    write('notes.md', '')
    expect((await complaint('notes.md')).message).toContain('notes.md is not an experiment file')
    mkdirSync(join(folder, 'sub'))
    expect((await complaint('sub')).message).toBe('sub is a folder, expected an experiment file')
    expect((await complaint('')).message).toBe('the name of the experiment file is empty')
    expect((await complaint('/dev/null')).message).toBe('/dev/null is not a regular file, expected an experiment file')
  })

  test('a syntax error: file, line, column and the line itself', async () => {
    const file = write('broken.ts', `const a = 1\nconst b = = 2\n`)
    const { code, message } = await complaint('broken.ts')
    expect(code).toBe('E_EXPERIMENT')
    expect(message).toMatch(/broken\.ts:2:11: Unexpected "=", in `const b = = 2`/)
    expect(file.endsWith('broken.ts')).toBe(true)
  })

  test('an import that is not there', async () => {
    write('a.ts', `import './b.ts'\n`)
    expect((await complaint('a.ts')).message).toMatch(/a\.ts:1:8: Could not resolve "\.\/b\.ts", in/)
    write('envs.ts', '')
    write('other.ts', `import './env.ts'\n`)
    expect((await complaint('other.ts')).message).toMatch(
      /Could not resolve "\.\/env\.ts"; did you mean '\.\/envs\.ts'\?, in/,
    )
    write('c.ts', `import 'not-installed'\n`)
    expect((await complaint('c.ts')).message).toMatch(/Could not resolve "not-installed"; is that package installed\?/)
    write('d.ts', `import 'millrace/nothing'\n`)
    expect((await complaint('d.ts')).message).toMatch(
      /millrace has no entry 'millrace\/nothing'; it has millrace, millrace\/env/,
    )
  })

  test('code that throws while it loads, at the line of the file that threw', async () => {
    write('lib.ts', `type T = string\n\nexport function boom(t: T): never {\n  throw new TypeError('no ' + t)\n}\n`)
    write('throws.ts', `import { boom } from './lib.ts'\n\nboom('luck')\n`)
    expect((await complaint('throws.ts')).message).toMatch(/lib\.ts:4:9 threw while loading: TypeError: no luck$/)
    write('string.ts', `throw 'a string'`)
    expect((await complaint('string.ts')).message).toMatch(/string\.ts threw while loading: a string$/)
  })

  test('an unknown field, with its place and the nearest known name', async () => {
    write(
      'typo.ts',
      `import { experiment, fakeAlgorithm } from 'millrace'\n\nexport default experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm(), rollouts: { shard: 2 } })`,
    )
    const { code, message } = await complaint('typo.ts')
    expect(code).toBe('E_EXPERIMENT')
    expect(message).toMatch(/typo\.ts:3:16: experiment\.rollouts has no field 'shard'; did you mean 'shards'\?/)
  })

  test('no default export, or one that is no experiment', async () => {
    write(
      'none.ts',
      `import { experiment, fakeAlgorithm } from 'millrace'\nexport const mine = experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm() })`,
    )
    expect((await complaint('none.ts')).message).toMatch(/none\.ts has no default export; write `export default mine`$/)
    write('number.ts', `export default 5`)
    expect((await complaint('number.ts')).message).toMatch(
      /the default export of .*number\.ts is a number, expected an experiment$/,
    )
    write('empty.ts', `export default {}`)
    expect((await complaint('empty.ts')).message).toMatch(/is not an experiment: experiment\.env: expected an env id/)
  })
})

test("a position is found through the bundle's source map where the stack is not mapped", async () => {
  write('lib.ts', `type T = string\n\nexport function boom(t: T): never {\n  throw new TypeError('no ' + t)\n}\n`)
  const file = write('throws.ts', `import { boom } from './lib.ts'\n\nexport const run = () => boom('luck')\n`)
  const outfile = join(folder, 'deep', 'bundle.mjs')
  const code = await bundleForHere(file, { outfile, entries })
  const lines = new TextDecoder().decode(code).split('\n')
  const line = lines.findIndex((text) => text.includes('throw new TypeError'))
  knowBundle(outfile, new TextDecoder().decode(code))
  const error = new TypeError('no luck')
  error.stack = `TypeError: no luck\n    at boom (${pathToFileURL(outfile).href}:${line + 1}:${(lines[line] ?? '').indexOf('throw') + 1})`
  expect(userTrace(error)).toEqual({
    at: `${join(folder, 'lib.ts')}:4:3`,
    stack: `at boom (${join(folder, 'lib.ts')}:4:3)`,
  })
})

test('the code of an own env is one self-contained module whose default export has the env as a definition', async () => {
  write('node_modules/dependency/package.json', `{ "name": "dependency", "type": "module", "exports": "./main.js" }`)
  write('node_modules/dependency/main.js', `export const id = 'Bundled-v0'`)
  const file = write(
    'own.ts',
    `import { experiment, fakeAlgorithm, registerEnv } from 'millrace'
     import { id } from 'dependency'
     registerEnv({ id, maxEpisodeSteps: 9, make() { throw new Error('made') } })
     export default experiment({ env: id, algorithm: fakeAlgorithm(), seed: 4 })`,
  )
  const code = new TextDecoder().decode(await bundleEnvCode(file, entries))
  expect(code).not.toMatch(/from\s*["'](?!node:)/)
  const alone = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  try {
    writeFileSync(join(alone, 'env.mjs'), code)
    const module = (await import(pathToFileURL(join(alone, 'env.mjs')).href)) as {
      default: { seed: number; env: { id: string; maxEpisodeSteps: number } }
    }
    expect(module.default.seed).toBe(4)
    expect(module.default.env).toMatchObject({ id: 'Bundled-v0', maxEpisodeSteps: 9 })
  } finally {
    rmSync(alone, { recursive: true })
  }
})

test('the name of an example finds it in this installation', () => {
  expect(findExperimentFile('cartpole', folder)).toMatch(/examples[\\/]cartpole\.ts$/)
  expect(() => findExperimentFile('cartpol', folder)).toThrow(
    'there is no experiment file cartpol; did you mean cartpole?',
  )
})

test('every entry of package.json is an entry for experiment files', () => {
  expect([...libraryEntries().keys()]).toEqual(
    expect.arrayContaining(['millrace', 'millrace/env', 'millrace/flow', 'millrace/tensor']),
  )
  expect(libraryEntries().get('millrace')).toMatch(/[\\/]index\.ts$/)
  expect(libraryEntries().get('millrace/env')).toMatch(/shared[\\/]env[\\/]index\.ts$/)
})

test('a top-level await of what never comes is an error, where Node would end the process without a word', async () => {
  write('never.ts', 'await new Promise(() => {})\nexport default {}')
  const before = process.listenerCount('beforeExit')
  const said = complaint('never.ts')
  await vi.waitFor(() => expect(process.listenerCount('beforeExit')).toBeGreaterThan(before), { timeout: 30_000 })
  setImmediate(EventEmitter.prototype.emit.bind(process), 'beforeExit', 0) // Node's word that there is nothing left to do
  expect((await said).message).toMatch(/never\.ts: it does not finish loading: a top-level await/)
})

test("the temporary file is gone before the user's own code begins, which may never end", async () => {
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  vi.stubEnv('TMPDIR', temporary)
  write(
    'looks.ts',
    `import { readdirSync } from 'node:fs'
     throw new Error(\`there is \${readdirSync(${JSON.stringify(temporary)}).join() || 'nothing'}\`)`,
  )
  try {
    expect((await complaint('looks.ts')).message).toMatch(
      /looks\.ts:2:\d+ threw while loading: Error: there is nothing/,
    )
  } finally {
    vi.unstubAllEnvs()
  }
})
