import { choicesOf, type Space } from '../env/space.ts'
import type { Lease } from '../protocol/lease.ts'
import type { ColumnSpec, FragmentForm } from './columnSpec.ts'

/** What an env shows and takes, as far as it decides the columns. */
export interface Interface {
  /** Shape and type of one observation. */
  readonly observation: { readonly shape: readonly number[]; readonly dtype?: 'uint8' | undefined }
  readonly action: Space
  /** The env says which actions may be taken. */
  readonly masked?: boolean | undefined
}

/** The columns of a rollout, as `SampleBatch` describes them. */
export function rolloutColumnSpecs({ observation, action, masked }: Interface): readonly ColumnSpec[] {
  const { shape: D, dtype } = observation
  const dtypes = dtype === 'uint8' ? (['U8'] as const) : (['F32'] as const)
  return [
    { name: 'observations', dtypes, dims: ['T', 'B', ...D], join: 'envs' },
    { name: 'bootstrap_observations', dtypes, dims: ['B', ...D], join: 'rows' },
    actionSpec(action),
    ...(masked ? [maskSpec(action)] : []),
    logProbSpec(action),
    { name: 'rewards', dtypes: ['F32'], dims: ['T', 'B'], join: 'envs' },
    { name: 'terminated', dtypes: ['U8'], dims: ['T', 'B'], join: 'envs', min: 0, max: 1 },
    { name: 'truncated', dtypes: ['U8'], dims: ['T', 'B'], join: 'envs', min: 0, max: 1 },
    { name: 'policy_versions', dtypes: ['I32'], dims: ['T'], join: 'versions' },
    { name: 'final_index', dtypes: ['I32'], dims: ['K'], join: 'finals' },
    { name: 'final_observations', dtypes, dims: ['K', ...D], join: 'finals' },
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
  const choices = choicesOf(action)
  const dtypes = Math.max(...choices) <= 256 ? (['U8', 'I32'] as const) : (['I32', 'U8'] as const)
  const spec: ColumnSpec = { name: 'actions', dtypes, dims: ['T', 'B'], join: 'envs', min: 0 }
  if (action.kind === 'discrete') return { ...spec, max: action.n - 1 }
  return { ...spec, dims: ['T', 'B', choices.length], max: choices.map((n) => n - 1) }
}

/** 0 for an action that may not be taken, of several choices one choice after another. */
function maskSpec(action: Space): ColumnSpec {
  const flags = choicesOf(action).reduce((sum, n) => sum + n, 0)
  return { name: 'action_mask', dtypes: ['U8'], dims: ['T', 'B', flags], join: 'envs', min: 0, max: 1 }
}

/** A density may be above 1, a probability may not. */
function logProbSpec(action: Space): ColumnSpec {
  const spec: ColumnSpec = { name: 'behaviour_log_probs', dtypes: ['F32'], dims: ['T', 'B'], join: 'envs' }
  return action.kind === 'box' ? spec : { ...spec, max: 0 }
}
