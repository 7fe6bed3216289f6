import { type Patience, patientStore } from '../../../shared/cloud/patience.ts'
import { exactVersion } from '../../../shared/rollout/pace.ts'
import type { Inbox } from '../inbox/inbox.ts'
import type { SamplerOptions } from '../samplerOptions.ts'
import { ExactStarts } from './exactStarts.ts'
import { Repairs, type RepairsOptions } from './repairs.ts'
import { SavedStates } from './savedStates.ts'

type Issuing = Omit<RepairsOptions, 'shards' | 'starts' | 'gap' | 'has' | 'isDue'>

interface ExactRolloutsOptions extends SamplerOptions {
  /** For the bucket. */
  readonly patience: Patience
  readonly inbox: () => Pick<Inbox, 'consumedUpTo' | 'firstMissing' | 'afterLast' | 'has'>
  readonly policyIsOut: () => boolean
  /** The run cannot be repeated bit for bit any more; told once. */
  readonly onBroken: (reason: string) => void
}

/** What an exact pace needs beside leases: where envs were saved, where leases begin, and who makes lost fragments again. */
export function exactRollouts(options: ExactRolloutsOptions, issuing: Issuing) {
  const { run, cloud, rollouts, pacing, patience, inbox, policyIsOut, newestVersion } = options
  const { shards } = rollouts
  const states = new SavedStates({
    shards,
    store: patientStore(cloud.store, patience),
    consumedUpTo: () => inbox().consumedUpTo,
    begin: options.goOn?.points,
    anewEvery: options.anewEvery,
  })
  const starts = new ExactStarts({
    run,
    states,
    rounds: options.form.rounds,
    firstMissing: (shard) => inbox().firstMissing(shard),
    onBroken: options.onBroken,
  })
  const repairs = new Repairs({
    ...issuing,
    shards,
    starts,
    gap: (shard) => ({ from: inbox().firstMissing(shard), to: inbox().afterLast(shard) }),
    has: (shard, sequence) => inbox().has(shard, sequence),
    isDue: (sequence) => policyIsOut() && exactVersion(pacing, sequence) <= newestVersion(),
  })
  return { states, starts, repairs }
}
