import { expect, test } from 'vitest'
import { envSource } from '../../functions/envSource.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { makeVectorEnv } from '../../shared/env/index.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { memoryStore } from '../fakes/memoryStore.ts'
import { RUN, leaseOf } from '../shared/rollout/leases.ts'

/** An experiment as it is bundled for functions: self-contained, the env beside its default export. */
const moduleOf = (reward: number) => `
class Coin {
  observationSpace = { kind: 'discrete', n: 2 }
  actionSpace = { kind: 'discrete', n: 2 }
  constructor(config) { this.config = config }
  reset(observation) { observation[0] = 0 }
  step() { return { reward: ${reward}, terminated: false, truncated: false } }
}
export default { env: Coin }
`

async function ownEnv(text: string) {
  const store = memoryStore()
  const body = new TextEncoder().encode(text)
  const sha256 = sha256Hex(body)
  const key = keys.code(RUN, sha256)
  await store.put(key, body)
  return { store, key, lease: leaseOf({ env: { id: 'Coin', config: {}, code: { key, sha256 } } }) }
}

test('a built-in env is its id, and costs no request', async () => {
  const store = memoryStore()
  expect(await envSource(leaseOf(), store)).toBe('CartPole-v1')
  expect(store.requests.get).toBe(0)
})

test('a user’s own env is run from the module that the run put into the bucket, read once an execution environment', async () => {
  const { store, lease } = await ownEnv(moduleOf(3))
  const source = await envSource(lease, store)
  expect(await envSource(lease, store)).toBe(source)
  expect(store.requests.get).toBe(1)
  const env = makeVectorEnv(source, { numEnvs: 2 })
  env.reset(1)
  env.step(new Int32Array(2))
  expect([...env.rewards]).toEqual([3, 3])
})

test('another version of the code is another env, in the same warm function', async () => {
  const sources = []
  for (const reward of [4, 5]) {
    const { store, lease } = await ownEnv(moduleOf(reward))
    sources.push(await envSource(lease, store))
  }
  const rewards = sources.map((source) => {
    const env = makeVectorEnv(source, { numEnvs: 1 })
    env.reset(1)
    env.step(new Int32Array(1))
    return env.rewards[0]
  })
  expect(rewards).toEqual([4, 5])
})

test.each([
  ['missing', async ({ store, key }: Awaited<ReturnType<typeof ownEnv>>) => store.delete([key]), 'not in the bucket'],
  [
    'altered',
    async ({ store, key }: Awaited<ReturnType<typeof ownEnv>>) =>
      void (await store.put(key, new TextEncoder().encode(moduleOf(99)))),
    'altered',
  ],
])('code that is %s is refused, and never run', async (what, spoil, sentence) => {
  const own = await ownEnv(`${moduleOf(6)}// ${what}`)
  await spoil(own)
  await expect(envSource(own.lease, own.store)).rejects.toMatchObject({
    code: 'E_ENV_UNKNOWN',
    message: expect.stringContaining(sentence),
    where: { key: own.key },
  })
})

test('a module without an experiment that has an env says so', async () => {
  const { store, lease } = await ownEnv('export default {}')
  await expect(envSource(lease, store)).rejects.toMatchObject({ code: 'E_ENV_UNKNOWN' })
})

test.each([
  [`if (process.env.SIM_HOME === undefined) throw new Error('SIM_HOME is not set')`, 'SIM_HOME is not set'],
  [
    `import { readFileSync } from 'node:fs'\nreadFileSync(new URL('table.json', import.meta.url))`,
    "ENOENT: no such file or directory, open 'table.json'; ",
  ],
])('code that misses something of the machine it was written on is refused with what to do', async (text, said) => {
  const { store, lease } = await ownEnv(`${text}\n${moduleOf(1)}`)
  const error: unknown = await envSource(lease, store).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'E_ENV_CONFIG' })
  const { message } = error as Error
  expect(message).toContain(`the code of env 'Coin' loads on your machine but not in a function: ${said}`)
  expect(message).toContain('neither the files nor the variables of your machine: give values in envConfig, and import')
})
