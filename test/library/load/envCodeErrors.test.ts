// A user's env in the module that goes to functions: whatever fails in it names the user's own file and line.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { envSource } from '../../../functions/envSource.ts'
import { bundleEnvCode } from '../../../library/load/loadExperiment.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { makeVectorEnv, type EnvSource } from '../../../shared/env/index.ts'
import { type MillraceError, isMillraceError } from '../../../shared/errors.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { leaseOf } from '../../shared/rollout/leases.ts'

const library = fileURLToPath(new URL('../../cli/fixtures/library.ts', import.meta.url))
const entries = new Map([
  ['millrace', library],
  ['millrace/env', library],
])
let folder: string
beforeEach(() => void (folder = realpathSync(mkdtempSync(join(tmpdir(), "it's (1) a test ")))))
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

interface Parts {
  readonly top?: string
  readonly make?: string
  readonly step?: string
}

/** The env as a function gets it. Line numbers of what fails are what the tests say. */
async function inFunction({ top = '', make = '', step = 'return ride()' }: Parts): Promise<EnvSource> {
  write('node_modules/vehicle/package.json', '{ "name": "vehicle", "type": "module", "main": "index.js" }')
  write('node_modules/vehicle/index.js', 'export function drive(then) {\n  return then()\n}')
  write(
    'lib/wheel.ts',
    `export function turn(on: boolean): number {\n  if (on) throw new RangeError('it fell off')\n  return 1\n}`,
  )
  const file = write(
    'my env.ts',
    `import { experiment, fakeAlgorithm } from 'millrace'
    import { drive } from 'vehicle'
    import { turn } from './lib/wheel.ts'
    ${top}
    const ride = () => drive(() => turn(true))
    class Car {
      static id: string = 'Car-v0'
      observationSpace = { kind: 'box', shape: [1], low: 0, high: 1 }
      actionSpace = { kind: 'discrete', n: 2 }
      constructor() { ${make} }
      reset(observation: Float32Array): void { observation[0] = 0 }
      step() {
        ${step}
      }
    }
    export default experiment({ env: Car as never, algorithm: fakeAlgorithm() })`,
  )
  const code = await bundleEnvCode(file, entries)
  const store = memoryStore()
  await store.put('code', code)
  return await envSource(
    leaseOf({ env: { id: 'Car-v0', config: {}, code: { key: 'code', sha256: sha256Hex(code) } } }),
    store,
  )
}

async function failure(act: () => Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await act().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (isMillraceError(error)) return error
  throw new Error(`expected a MillraceError, got ${String(error)}`, { cause: error })
}

const stepped = (parts: Parts) =>
  failure(async () => {
    const env = makeVectorEnv(await inFunction(parts), { numEnvs: 2 })
    env.reset(1)
    env.step(new Int32Array(2))
  })

test('an error in step: class and message in the sentence, the user’s own frames in the stack, packages left out', async () => {
  const error = await stepped({})
  expect(error.message).toBe('Car-v0 failed to step: RangeError: it fell off (env 0, episode step 0)')
  const [wheel, car] = [join(folder, 'lib/wheel.ts'), join(folder, 'my env.ts')]
  expect(error.where['at']).toBe(`${wheel}:2:17`)
  expect(error.userStack?.split('\n').map((line) => line.replace(/ \[as \w+\]/, ''))).toEqual([
    `at turn (${wheel}:2:17)`,
    expect.stringMatching(/^at .*my env\.ts:5:36\)?$/),
    expect.stringMatching(/^at ride \(.*my env\.ts:5:24\)$/),
    expect.stringMatching(/^at (_?Car\d?)\.step \(.*my env\.ts:13:16\)$/),
  ])
  expect(error.userStack).toContain(car)
})

test('what step returns wrongly has no stack, and names the method', async () => {
  const error = await stepped({ step: `return { reward: '1', terminated: false, truncated: false }` })
  expect(error.message).toMatch(/^Car-v0 gave a reward of "1" \(a string\)/)
  expect(error.where['at']).toBe(`${join(folder, 'my env.ts')}:12:7`)
  expect(error.userStack).toBeUndefined()
})

test('an error of the constructor', async () => {
  const error = await failure(async () =>
    makeVectorEnv(await inFunction({ make: `throw new Error('no licence')` }), { numEnvs: 1 }),
  )
  expect(error).toMatchObject({ code: 'E_ENV_CONFIG', message: 'Car-v0 could not be made: Error: no licence' })
  expect(error.userStack).toMatch(/^at new \w+ \(.*my env\.ts:10:29\)$/)
  expect(error.where['at']).toBe(`${join(folder, 'my env.ts')}:10:29`)
})

test('an error while the module is loaded', async () => {
  const error = await failure(() =>
    inFunction({ top: `if (turn.length === 1) throw new Error('SIM_HOME is not set')` }),
  )
  expect(error).toMatchObject({
    code: 'E_ENV_CONFIG',
    message: expect.stringMatching(
      /^the code of env 'Car-v0' loads on your machine but not in a function: SIM_HOME is not set; /,
    ),
    where: { env: 'Car-v0', at: `${join(folder, 'my env.ts')}:4:34` },
  })
  expect(error.userStack).toMatch(/^at .*my env\.ts:4:34\)?$/)
})

test('the map of the module names the user’s files alone, without their text', async () => {
  const file = write(
    'plain.ts',
    `import { experiment, fakeAlgorithm } from 'millrace'
    // a secret
    export default experiment({ env: 'CartPole-v1', algorithm: fakeAlgorithm() })`,
  )
  const text = new TextDecoder().decode(await bundleEnvCode(file, entries))
  const map = text.split('sourceMappingURL=data:application/json;base64,')[1] ?? ''
  expect(map.length).toBeLessThan(2_000)
  const json = Buffer.from(map, 'base64').toString()
  expect(json).not.toContain('a secret')
  expect(json).not.toContain('node_modules')
  expect(text).not.toContain('a secret')
})
