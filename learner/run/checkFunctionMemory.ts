import { MillraceError } from '../../shared/errors.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { fragmentBytes } from '../../shared/protocol/leaseSize.ts'
import type { RolloutSettings } from '../experiment.ts'
import { functionsOf } from '../rollouts/functionsOf.ts'
import type { RunCloud } from './cloud.ts'

/** A shard fills one fragment while it sends another, at least. */
const FRAGMENTS = 2
const MIB = 1024 ** 2

/**
 * The fragments of all shards that a function works on have to fit into it.
 *
 * @throws MillraceError E_EXPERIMENT saying what takes how much and what there is
 */
export function checkFunctionMemory(
  rollouts: Pick<RolloutSettings, 'shards' | 'functions' | 'envsPerShard' | 'fragmentLength'>,
  policy: PolicySpec,
  { concurrency, memoryMb }: Pick<RunCloud, 'concurrency' | 'memoryMb'>,
): void {
  const { envsPerShard: numEnvs, fragmentLength } = rollouts
  const shards = Math.ceil(rollouts.shards / functionsOf(rollouts, concurrency))
  const bytes = FRAGMENTS * shards * fragmentBytes({ numEnvs, fragmentLength, policy })
  if (bytes <= memoryMb * MIB) return
  const fewer = shards > 1 ? 'more functions (rollouts.functions), or ' : ''
  throw new MillraceError(
    'E_EXPERIMENT',
    `the fragments of ${shards} ${shards === 1 ? 'shard' : 'shards'} take ${Math.ceil(bytes / MIB)} MiB in a function at least, which has ${memoryMb}; ` +
      `take ${fewer}less of rollouts.envsPerShard or rollouts.fragmentLength`,
  )
}
