import { type EnvSource, makeVectorEnv } from '../../shared/env/index.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Experiment } from '../experiment.ts'
import { functionsOf } from '../rollouts/functionsOf.ts'
import type { RunCloud } from './cloud.ts'

/**
 * Batches in order need every shard. Where not all have a function at once they take turns, and each goes on from where its envs were saved:
 * what cannot be saved would be stepped again from the beginning, every time.
 *
 * @throws MillraceError E_EXPERIMENT when the env has no `save` and `load`, and the run wants more functions than the cloud is known to have
 */
export function checkTurns(
  { env, envConfig, rollouts }: Experiment,
  { concurrency = Number.POSITIVE_INFINITY, where }: Pick<RunCloud, 'concurrency' | 'where'>,
): void {
  const functions = functionsOf(rollouts, concurrency)
  if (functions <= concurrency || canBeSaved(env, envConfig)) return
  throw new MillraceError(
    'E_EXPERIMENT',
    `a deterministic run needs all of its ${functions} functions at once where the env has no save and load, and ${concurrency} run at once (${where}); ` +
      `give the env save and load, or set rollouts.functions to ${concurrency} at most`,
    { functions, concurrency },
  )
}

function canBeSaved(env: EnvSource, config: Experiment['envConfig']): boolean {
  const probe = makeVectorEnv(env, { numEnvs: 1, config })
  try {
    probe.reset(0)
    return probe.save?.() !== undefined
  } finally {
    probe.close?.()
  }
}
