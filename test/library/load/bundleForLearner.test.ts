import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bundleForLearner } from '../../../library/load/bundle.ts'
import { libraryEntry } from '../../../library/load/libraryEntries.ts'
import { loadExperimentModule } from '../../../learner/stage/experimentModule.ts'
import { asDefinition, envIds } from '../../../shared/env/index.ts'

const library = fileURLToPath(new URL('../../cli/fixtures/library.ts', import.meta.url))
const entries = new Map([
  ['millrace', library],
  ['millrace/env', library],
])
let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

const load = (module: Uint8Array, set: Record<string, string> = {}) =>
  loadExperimentModule(module, { set, libraryEntry: (specifier) => libraryEntry(entries, specifier) })

test('an experiment with its own env, packages and files runs elsewhere, on that installation of Millrace', async () => {
  write('node_modules/weather/package.json', '{ "name": "weather", "main": "index.js" }')
  write('node_modules/weather/index.js', `exports.rain = 'rain'`)
  write('envs/puddle.ts', `import { rain } from 'weather'\nexport const id: string = 'Puddle-' + rain`)
  const file = write(
    'my.ts',
    `import { experiment, fakeAlgorithm } from 'millrace'
    import { registerEnv } from 'millrace/env'
    import { id } from './envs/puddle.ts'
    registerEnv({ id, make: () => { throw new Error('nothing of this runs') } })
    export default experiment({ env: id, algorithm: fakeAlgorithm(), rollouts: { shards: 3 } })`,
  )
  const module = await bundleForLearner(file, entries)
  rmSync(folder, { recursive: true })
  mkdirSync(folder)
  const loaded = await load(module, { 'rollouts.shards': '7', 'algorithm.learningRate': '0.25' })
  expect(loaded).toMatchObject({
    env: 'Puddle-rain',
    rollouts: { shards: 7 },
    algorithm: { config: { learningRate: 0.25 } },
  })
  // Registered in this process's own registry: there is one copy of every module.
  expect(envIds()).toContain('Puddle-rain')
  expect(asDefinition(loaded.env).id).toBe('Puddle-rain')
})

test('an import of Millrace that it does not have, and a package that is not there, are refused where the user sees it', async () => {
  const refusal = (message: RegExp) =>
    expect.objectContaining({ code: 'E_EXPERIMENT', message: expect.stringMatching(message) })
  const wrong = write('wrong.ts', `import { x } from 'millrace/envs'\nexport default x`)
  await expect(bundleForLearner(wrong, entries)).rejects.toThrow(refusal(/wrong\.ts.*no entry 'millrace\/envs'/))
  const missing = write('missing.ts', `import { x } from 'not-installed'\nexport default x`)
  await expect(bundleForLearner(missing, entries)).rejects.toThrow(refusal(/missing\.ts:1:\d+.*not-installed/))
})

test('a module that throws, or is no experiment, or whose overrides do not fit, is refused with one sentence', async () => {
  const refusal = (message: RegExp) =>
    expect.objectContaining({ code: 'E_EXPERIMENT', message: expect.stringMatching(message) })
  const of = (text: string) => new TextEncoder().encode(text)
  await expect(load(of('throw new RangeError("no")'))).rejects.toThrow(refusal(/threw while loading: RangeError: no/))
  await expect(load(of('export default 3'))).rejects.toThrow(refusal(/is not an experiment/))
  const good = await bundleForLearner(
    write(
      'good.ts',
      `import { experiment, fakeAlgorithm } from 'millrace'\nexport default experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm() })`,
    ),
    entries,
  )
  await expect(load(good, { 'rollouts.shard': '2' })).rejects.toThrow(refusal(/did you mean 'shards'/))
})
