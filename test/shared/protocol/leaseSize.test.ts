import { expect, test } from 'vitest'
import { invocationOf, parseInvocation } from '../../../shared/protocol/invocation.ts'
import { leaseOf } from '../rollout/leases.ts'

const policy = (shape: number[], n = 2) => ({
  ...leaseOf().policy,
  observation: { shape },
  action: { kind: 'discrete' as const, n },
})

test.each([
  ['envs', { numEnvs: 2 ** 40 }],
  ['steps', { fragmentLength: 2 ** 40 }],
  ['the largest of both', { numEnvs: Number.MAX_SAFE_INTEGER, fragmentLength: Number.MAX_SAFE_INTEGER }],
  ['observations', { policy: policy([2 ** 20, 2 ** 20]) }],
  ['actions', { policy: policy([4], 2 ** 40) }],
])('a lease with too many %s for any memory is refused before any is taken', (_, changes) => {
  expect(() => parseInvocation(invocationOf([leaseOf(changes)]))).toThrow(
    expect.objectContaining({
      code: 'E_LEASE',
      message: expect.stringMatching(/^a fragment of this lease has [\de.+]+ GiB/),
    }),
  )
})

test('pictures of 224 x 224 x 3 from 32 envs fit', () => {
  expect(
    parseInvocation(invocationOf([leaseOf({ numEnvs: 32, fragmentLength: 20, policy: policy([224, 224, 3]) })])),
  ).toBeDefined()
})
