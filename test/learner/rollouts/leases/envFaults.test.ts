import { expect, test } from 'vitest'
import { EnvFaults } from '../../../../learner/rollouts/leases/envFaults.ts'

const error = {
  code: 'E_ENV_STEP',
  message: 'Pole-v0 failed to step: Error: no wheel (env 3, episode step 30)',
  where: { env: 'Pole-v0', envIndex: 3, episodeStep: 30 },
  stack: 'at Pole.step (pole.ts:7:13)',
}

/** Leases of shard 0 that each make this many fragments and fail. @returns how many there were when the run ended, and with what */
function failsAfter(
  fragments: readonly number[],
  { episodes = 0, code = 'E_ENV_STEP', exact = false, fragmentLength = 20 } = {},
) {
  const faults = new EnvFaults({ exact, fragmentLength })
  for (const [n, made] of fragments.entries()) {
    for (let i = 0; i < made; i++) faults.fragment(0, episodes)
    const fatal = faults.add({ shard: 0, lease: `0-${n}`, fragments: made, error: { ...error, code } })
    if (fatal) return { leases: n + 1, fatal }
  }
  return undefined
}

const always = (fragments: number, times = 1_000) => Array.from({ length: times }, () => fragments)

test.each([
  ['no fragment at all', always(0), {}, 3],
  ['one fragment each and no episode ever ended', always(1), {}, 3],
  ['nine fragments each and no episode ever ended', always(9), {}, 3],
  ['no fragment at all, after a few', [5, ...always(0)], { episodes: 1 }, 4],
  ['no fragment at all, after many', [20, ...always(0)], { episodes: 1 }, 6],
  ['one fragment each while episodes end', always(1), { episodes: 1 }, 10],
  ['forty fragments each and no episode ever ended', always(40), {}, 10],
  ['fifteen short fragments each while episodes end', always(15), { episodes: 1, fragmentLength: 2 }, 10],
  ['an env that cannot be made', always(0), { code: 'E_ENV_CONFIG' }, 2],
  ['an env with a space that does not fit', always(0), { code: 'E_ENV_SPACE' }, 2],
  ['exact: the first failure', always(7), { exact: true }, 1],
])('the run ends: %s', (_, fragments, options, leases) => {
  expect(failsAfter(fragments, options)?.leases).toBe(leases)
})

test.each([
  ['leases that make ten fragments and more before they fail', always(10), { episodes: 1 }],
  ['two barren leases between working ones', always(0).map((__, n) => (n % 3 === 2 ? 1 : 0) * 12), { episodes: 1 }],
  ['nine short leases between long ones', always(1).map((made, n) => (n % 10 === 9 ? 40 : made)), { episodes: 1 }],
])('the run goes on: %s', (_, fragments, options) => {
  expect(failsAfter(fragments, options)).toBeUndefined()
})

test('an env whose every start fails once in 2,000 goes on over thousands of leases', () => {
  let state = 1
  const uniform = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  // 32 envs, episodes of 10 steps, fragments of 20: 64 starts a fragment, and 32 for the lease.
  const lease = () => {
    for (let starts = 0; ; starts++) if (uniform() < 1 / 2_000) return Math.max(0, Math.floor((starts - 32) / 64))
  }
  expect(failsAfter(Array.from({ length: 500 }, lease), { episodes: 64 })).toBeUndefined()
})

test('a lease that ended well starts the count anew', () => {
  const faults = new EnvFaults({ exact: false, fragmentLength: 20 })
  for (let n = 0; n < 20; n++) {
    expect(faults.add({ shard: 0, lease: `0-${n}`, fragments: 0, error })).toBeUndefined()
    if (n % 2 === 1) faults.worked(0)
  }
})

test('shards are counted apart, and the error says how often, from how many seeds, and where', () => {
  const faults = new EnvFaults({ exact: false, fragmentLength: 20 })
  faults.open(9)
  for (let n = 0; n < 10; n++) faults.fragment(8, 1)
  for (let shard = 0; shard < 8; shard++)
    for (let n = 0; n < 2; n++)
      expect(faults.add({ shard, lease: `${shard}-${n}`, fragments: 0, error })).toBeUndefined()
  expect(faults.add({ shard: 5, lease: '5-2', fragments: 0, error })).toMatchObject({
    code: 'E_ENV_STEP',
    message:
      'Pole-v0 failed to step: Error: no wheel (env 3, episode step 30); shard 5 failed 3 times in a row, from 3 different seeds, ' +
      'without a fragment, and the run 17 times in all',
    where: { env: 'Pole-v0', envIndex: 3, episodeStep: 30, shard: 5, lease: '5-2' },
    userStack: 'at Pole.step (pole.ts:7:13)',
  })
})

test('where nothing has worked yet, half of the shards, and three leases at least, are enough', () => {
  const until = (shards: number) => {
    const faults = new EnvFaults({ exact: false, fragmentLength: 20 })
    faults.open(shards)
    for (let n = 0; n < 1_000; n++) {
      const fatal = faults.add({ shard: n % shards, lease: `${n}`, fragments: 1, error })
      if (fatal) return { leases: n + 1, text: fatal.message }
    }
    return undefined
  }
  expect([2, 6, 16, 64].map((shards) => until(shards)?.leases)).toEqual([3, 3, 8, 32])
  expect(until(16)?.text).toMatch(
    /; 8 leases in a row failed, from 8 different seeds, shard 7 after 1 fragment at most$/,
  )
})
