import type { Space } from '../env/space.ts'
import type { Lease } from '../protocol/lease.ts'
import type { ColumnSpec, FragmentForm } from './columnSpec.ts'

/** What an env shows and takes, as far as it decides the columns. */
export interface Interface {
  /** Shape of one observation. */
  readonly observation: { readonly shape: readonly number[] }
  readonly action: Space
}

/** The columns of a rollout, as `SampleBatch` describes them. */
export function rolloutColumnSpecs({ observation: { shape: D }, action }: Interface): readonly ColumnSpec[] {
  return [
    { name: 'observations', dtypes: ['F32'], dims: ['T', 'B', ...D], join: 'envs' },
    { name: 'bootstrap_observations', dtypes: ['F32'], dims: ['B', ...D], join: 'rows' },
    actionSpec(action),
    logProbSpec(action),
    { name: 'rewards', dtypes: ['F32'], dims: ['T', 'B'], join: 'envs' },
    { name: 'terminated', dtypes: ['U8'], dims: ['T', 'B'], join: 'envs', min: 0, max: 1 },
    { name: 'truncated', dtypes: ['U8'], dims: ['T', 'B'], join: 'envs', min: 0, max: 1 },
    { name: 'policy_versions', dtypes: ['I32'], dims: ['T'], join: 'versions' },
    { name: 'final_index', dtypes: ['I32'], dims: ['K'], join: 'finals' },
    { name: 'final_observations', dtypes: ['F32'], dims: ['K', ...D], join: 'finals' },
    { name: 'episode_returns', dtypes: ['F32'], dims: ['E'], join: 'rows' },
    { name: 'episode_lengths', dtypes: ['I32'], dims: ['E'], join: 'rows', min: 1 },
  ]
}

/** What the fragments of a lease are, before any stage. */
export const rolloutForm = ({
  fragmentLength,
  numEnvs,
  policy,
}: Pick<Lease, 'fragmentLength' | 'numEnvs' | 'policy'>): FragmentForm => ({
  T: fragmentLength,
  B: numEnvs,
  columns: rolloutColumnSpecs(policy),
})

/** Discrete actions are bytes where one fits into a byte. */
function actionSpec(action: Space): ColumnSpec {
  if (action.kind === 'box')
    return { name: 'actions', dtypes: ['F32'], dims: ['T', 'B', ...action.shape], join: 'envs' }
  const dtypes = action.n <= 256 ? (['U8', 'I32'] as const) : (['I32', 'U8'] as const)
  return { name: 'actions', dtypes, dims: ['T', 'B'], join: 'envs', min: 0, max: action.n - 1 }
}

/** A density may be above 1, a probability may not. */
function logProbSpec(action: Space): ColumnSpec {
  const spec: ColumnSpec = { name: 'behaviour_log_probs', dtypes: ['F32'], dims: ['T', 'B'], join: 'envs' }
  return action.kind === 'discrete' ? { ...spec, max: 0 } : spec
}
