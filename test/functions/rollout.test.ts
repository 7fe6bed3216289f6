import { expect, test } from 'vitest'
import { leaseOf } from '../shared/rollout/leases.ts'

test('a payload that is no lease is refused with every wrong field, before anything is asked of the cloud', async () => {
  const { handler } = await import('../../functions/rollout.ts')
  const context = { getRemainingTimeInMillis: () => 1000 }
  await expect(handler({ ...leaseOf(), numEnvs: 0, shrad: 1 }, context)).rejects.toMatchObject({
    code: 'E_LEASE',
    message: expect.stringMatching(/numEnvs.*shrad|shrad.*numEnvs/),
  })
  await expect(handler(null, context)).rejects.toMatchObject({ code: 'E_LEASE' })
})
