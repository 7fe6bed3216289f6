import * as z from 'zod'
import { MillraceError } from '../errors.ts'
import { issues } from './fields.ts'
import { type Lease, LeaseTerms, StreamLease } from './lease.ts'
import { checkLeaseSize } from './leaseSize.ts'
import { listOf } from './lists.ts'

/** The payload's format. In format 1 an invocation was one lease. */
const FORMAT = 2
/** Leases of an invocation. An asynchronous invocation takes 1 MiB, and a lease's own part has 400 bytes at most. */
export const MAX_LEASES = 1024

/** The payload of a rollout invocation: leases of several streams of experience, on which one function works side by side. */
export const Invocation = LeaseTerms.extend({
  format: z.literal(FORMAT),
  leases: listOf(StreamLease, MAX_LEASES),
})
export type Invocation = z.infer<typeof Invocation>

/** @throws MillraceError E_LEASE naming every field that is wrong, or that a fragment of each lease would not fit into any function */
export function parseInvocation(event: unknown): readonly [Lease, ...Lease[]] {
  checkFormat(event)
  const result = Invocation.safeParse(event)
  if (!result.success) throw new MillraceError('E_LEASE', `not an invocation: ${issues(result.error)}`)
  const { format: _, leases, ...terms } = result.data
  const [first, ...rest] = leases.map((own): Lease => ({ ...terms, ...own }))
  if (!first) throw new MillraceError('E_LEASE', 'an invocation without a lease', { run: terms.run })
  const shards = new Set(leases.map(({ shard }) => shard))
  if (shards.size < leases.length)
    throw new MillraceError('E_LEASE', 'an invocation has two leases of one shard', { run: terms.run })
  checkLeaseSize(first, leases.length)
  return [first, ...rest]
}

/** The payload for leases that one function is to work on. All have the terms of the first. */
export function invocationOf(leases: readonly [Lease, ...Lease[]]): Invocation {
  const [first] = leases
  const terms = Object.keys(LeaseTerms.shape).map((name) => [name, first[name as keyof LeaseTerms]])
  const own = Object.keys(StreamLease.shape) as (keyof StreamLease)[]
  return {
    format: FORMAT,
    ...(Object.fromEntries(terms) as LeaseTerms),
    leases: leases.map((lease) => Object.fromEntries(own.map((name) => [name, lease[name]])) as StreamLease),
  }
}

/** @throws MillraceError E_LEASE for a payload of another version, which has other fields */
function checkFormat(event: unknown): void {
  const format = typeof event === 'object' && event !== null && 'format' in event ? event.format : undefined
  if (typeof format !== 'number' || format === FORMAT) return
  throw new MillraceError(
    'E_LEASE',
    `this invocation is of format ${format}, and this function reads format ${FORMAT}: learner and function are of different versions of Millrace; deploy the stage with the one you use`,
  )
}
