import { expect, test } from 'vitest'
import { ENDPOINTS_FROM_LEASE, allowedEndpoints } from '../../../shared/protocol/endpointsFromLease.ts'
import { leaseOf } from '../rollout/leases.ts'

const here = { s3: 'http://127.0.0.1:1', sqs: 'http://localhost:2' }
const allowed = { [ENDPOINTS_FROM_LEASE]: 'loopback' }

test('a lease names services only where the function’s environment allows it, and only on this machine', () => {
  expect(allowedEndpoints(leaseOf({ endpoints: here }), allowed)).toEqual(here)
  expect(allowedEndpoints(leaseOf(), {})).toBeUndefined()
  const refused = expect.objectContaining({ code: 'E_LEASE' })
  for (const environment of [{}, { [ENDPOINTS_FROM_LEASE]: '' }, { [ENDPOINTS_FROM_LEASE]: 'yes' }])
    expect(() => allowedEndpoints(leaseOf({ endpoints: here }), environment)).toThrow(refused)
  for (const elsewhere of [
    'http://evil.example',
    'http://127.0.0.1.evil.example',
    'http://127.evil.example',
    'http://10.0.0.1',
  ]) {
    expect(() => allowedEndpoints(leaseOf({ endpoints: { ...here, s3: elsewhere } }), allowed)).toThrow(refused)
    expect(() => allowedEndpoints(leaseOf({ endpoints: { ...here, sqs: elsewhere } }), allowed)).toThrow(refused)
  }
})
