import { expect, test } from 'vitest'
import { leaseFragments } from '../../../../learner/rollouts/leases/fixedLeases.ts'

test.each([
  ['2,000 steps of each env', { fragmentLength: 20 }, 1, undefined, 100],
  ['ten of the longest episodes', { fragmentLength: 20 }, 1, 500, 250],
  ['10,000 steps where episodes are very long', { fragmentLength: 20 }, 1, 1_000_000, 500],
  ['2,000 versions where one fragment is trained on many times over', { fragmentLength: 20 }, 0.01, undefined, 20],
  ['one fragment at least', { fragmentLength: 65_536 }, 0.0001, undefined, 1],
  ['what is told', { fragmentLength: 20, leaseFragments: 7 }, 1, 500, 7],
] as const)('a lease of an env that cannot be saved has %s', (_, rollouts, perVersion, maxEpisodeSteps, fragments) => {
  expect(leaseFragments(rollouts, { perVersion }, maxEpisodeSteps)).toBe(fragments)
})
