import { expect, test } from 'vitest'
import { PolicySession } from '../../../shared/policy/session.ts'
import { Policies } from '../../../shared/rollout/policies.ts'
import { cartPoleModel, leaseOf } from './leases.ts'

const load = async () => ({
  model: cartPoleModel,
  session: await PolicySession.load(cartPoleModel, leaseOf().policy, 1),
})

test('a model is opened once for all who use it, and closed when the last of them has released it', async () => {
  const policies = new Policies()
  let loads = 0
  const counted = () => (loads++, load())
  const [a, b] = await Promise.all([policies.use('one', counted), policies.use('one', counted)])
  const c = await policies.use('one', counted)
  expect(loads).toBe(1)
  a.session.bind(new Float32Array(4))
  b.session.bind(new Float32Array(8).fill(0.1))
  await a.release()
  await b.session.run()
  await b.release()
  c.session.bind(new Float32Array(4).fill(0.1))
  await c.session.run()
  await c.release()
  await (await policies.use('one', counted)).release()
  expect(loads).toBe(2)
})

test('each user has buffers of its own, and the same outputs for the same observations', async () => {
  const policies = new Policies()
  const uses = await Promise.all([1, 2, 3].map(() => policies.use('one', load)))
  for (const [i, { session }] of uses.entries()) session.bind(new Float32Array(4).fill(i === 1 ? 0.5 : 0.1))
  await Promise.all(uses.map(({ session }) => session.run()))
  const [first, second, third] = uses.map(({ session }) => [...session.outputs])
  expect(first).toEqual(third)
  expect(first).not.toEqual(second)
  for (const { release } of uses) await release()
})

test('a model that cannot be opened fails all who wait for it; the next one tries again', async () => {
  const policies = new Policies()
  const fails = async () => {
    throw new Error('no such object')
  }
  const both = await Promise.allSettled([policies.use('one', fails), policies.use('one', fails)])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const use = await policies.use('one', load)
  await use.release()
})
