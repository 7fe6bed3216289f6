// Hot path: reads within bounds that were checked before, so `!` on typed arrays is fine here.
import { MillraceError } from '../errors.ts'
import type { Lease } from '../protocol/lease.ts'
import { columnNamed, sameShape } from './columns.ts'
import { firstNonFinite } from './finite.ts'
import { rangeOf, short } from './range.ts'
import type { Column, DType, SampleBatch } from './sampleBatch.ts'

/** What a lease promises of its fragments. A `Lease` is one. */
export type FragmentPromise = Pick<Lease, 'fragmentLength' | 'numEnvs' | 'policy'>

/** Columns that are not [T, B, …]. A stage may add columns, but only such. */
const OTHER_SHAPES: ReadonlySet<string> = new Set([
  'bootstrap_observations',
  'final_index',
  'final_observations',
  'policy_versions',
  'episode_returns',
  'episode_lengths',
])

/** Slack for log-probabilities of certain actions, which rounding may lift above 0. */
const ROUNDING = 1e-6

/**
 * Checks a decoded fragment against what its lease promised, so that nothing is trained on that would poison a policy:
 * every column there and of its dtype and shape, actions that exist, flags 0 or 1 and never both, final observations for
 * exactly the truncated steps, log-probabilities of discrete actions at most 0, nothing NaN or infinite anywhere
 * (columns that stages added included), and provenance that agrees with the data.
 *
 * @throws MillraceError E_BATCH_SHAPE, or E_BATCH_VALUE naming the column and the first index (row-major) that is wrong
 */
export function validateFragment(batch: SampleBatch, promise: FragmentPromise): void {
  checkShapes(batch, promise)
  for (const [name, { data }] of Object.entries(batch.columns)) {
    if (!(data instanceof Float32Array || data instanceof Float64Array)) continue
    const index = firstNonFinite(data)
    if (index >= 0) throw notFinite(batch, name, { index, value: data[index]! })
  }
  checkFlags(batch)
  checkFinals(batch)
  checkEpisodes(batch)
  if (promise.policy.action.kind === 'discrete') checkDiscrete(batch, promise.policy.action.n)
  checkVersions(batch)
}

function checkShapes(batch: SampleBatch, { fragmentLength: T, numEnvs: B, policy }: FragmentPromise): void {
  const D = policy.observation.shape
  const A = policy.action.kind === 'box' ? policy.action.shape : []
  const expect = (name: string, dtypes: readonly DType[], shape: readonly number[]): Column => {
    const column = columnNamed(batch, name)
    if (dtypes.includes(column.dtype) && sameShape(column.shape, shape)) return column
    const found = `${column.dtype} [${column.shape.join(', ')}]`
    const { shard, lease, sequence } = batch.provenance
    const message = `${name} is ${found}, expected ${dtypes.join(' or ')} [${shape.join(', ')}] (shard ${shard}, lease ${lease})`
    throw new MillraceError('E_BATCH_SHAPE', message, { column: name, shard, lease, sequence })
  }
  for (const [name, { dtype, shape }] of Object.entries(batch.columns)) {
    if (!OTHER_SHAPES.has(name)) expect(name, [dtype], [T, B, ...shape.slice(2)])
  }
  const K = columnNamed(batch, 'final_index').shape[0] ?? 0
  const episodes = columnNamed(batch, 'episode_returns').shape[0] ?? 0
  expect('observations', ['F32'], [T, B, ...D])
  expect('bootstrap_observations', ['F32'], [B, ...D])
  expect('actions', policy.action.kind === 'box' ? ['F32'] : ['I32', 'U8'], [T, B, ...A])
  expect('behaviour_log_probs', ['F32'], [T, B])
  expect('rewards', ['F32'], [T, B])
  expect('terminated', ['U8'], [T, B])
  expect('truncated', ['U8'], [T, B])
  expect('final_index', ['I32'], [K])
  expect('final_observations', ['F32'], [K, ...D])
  expect('policy_versions', ['I32'], [T])
  expect('episode_returns', ['F32'], [episodes])
  expect('episode_lengths', ['I32'], [episodes])
}

function checkFlags(batch: SampleBatch): void {
  const { data: terminated } = columnNamed(batch, 'terminated')
  const { data: truncated } = columnNamed(batch, 'truncated')
  let bits = 0
  let both = 0
  for (let i = 0; i < terminated.length; i++) {
    bits |= terminated[i]! | truncated[i]!
    both |= terminated[i]! & truncated[i]!
  }
  if (bits > 1) {
    const name = terminated.some((flag) => flag > 1) ? 'terminated' : 'truncated'
    const index = columnNamed(batch, name).data.findIndex((flag) => flag > 1)
    throw wrong(batch, name, { index, what: `is ${columnNamed(batch, name).data[index]}, expected 0 or 1` })
  }
  if (both !== 0) {
    const index = terminated.findIndex((flag, i) => flag === 1 && truncated[i] === 1)
    throw wrong(batch, 'truncated', { index, what: 'is 1 where terminated is 1 too' })
  }
}

function checkFinals(batch: SampleBatch): void {
  const { data: truncated } = columnNamed(batch, 'truncated')
  const { data: finalIndex } = columnNamed(batch, 'final_index')
  let previous = -1
  for (let k = 0; k < finalIndex.length; k++) {
    const at = finalIndex[k]!
    if (at <= previous)
      throw wrong(batch, 'final_index', { index: k, what: `is ${at} after ${previous}, expected ascending` })
    if (truncated[at] !== 1)
      throw wrong(batch, 'final_index', { index: k, what: `is ${at}, a step that is not truncated` })
    previous = at
  }
  let count = 0
  for (let i = 0; i < truncated.length; i++) count += truncated[i]!
  if (count === finalIndex.length) return
  const missing = truncated.findIndex((flag, i) => flag === 1 && !finalIndex.includes(i))
  throw wrong(batch, 'truncated', { index: missing, what: 'is 1 but final_index does not have it' })
}

function checkEpisodes(batch: SampleBatch): void {
  const { data: terminated } = columnNamed(batch, 'terminated')
  const { data: truncated } = columnNamed(batch, 'truncated')
  let ends = 0
  for (let i = 0; i < terminated.length; i++) ends += terminated[i]! + truncated[i]!
  const lengths = columnNamed(batch, 'episode_lengths').data
  if (lengths.length !== ends) {
    throw wrong(batch, 'episode_lengths', {
      index: lengths.length,
      what: `is the end of the column, ${ends} episodes ended`,
    })
  }
  const index = lengths.findIndex((length) => length < 1)
  if (index >= 0) throw wrong(batch, 'episode_lengths', { index, what: `is ${lengths[index]}, expected at least 1` })
}

function checkDiscrete(batch: SampleBatch, n: number): void {
  const { data: actions } = columnNamed(batch, 'actions')
  let above = 0
  let signs = 0
  for (let i = 0; i < actions.length; i++) {
    signs |= actions[i]!
    above |= n - 1 - actions[i]! // negative when the action is n or more
  }
  if (above < 0 || signs < 0) {
    const index = actions.findIndex((action) => action < 0 || action >= n)
    throw wrong(batch, 'actions', { index, what: `is ${actions[index]}, expected 0 to ${n - 1}` })
  }
  const { data: logProbs } = columnNamed(batch, 'behaviour_log_probs')
  for (let i = 0; i < logProbs.length; i++) {
    if (logProbs[i]! > ROUNDING)
      throw wrong(batch, 'behaviour_log_probs', { index: i, what: `is ${logProbs[i]}, expected at most 0` })
  }
}

function checkVersions(batch: SampleBatch): void {
  const { data: versions } = columnNamed(batch, 'policy_versions')
  const { policyVersion, envSteps } = batch.provenance
  let previous = policyVersion
  for (let t = 0; t < versions.length; t++) {
    const version = versions[t]!
    if (t === 0 ? version !== previous : version < previous) {
      const expected = t === 0 ? `${previous}, as its provenance says` : `at least ${previous}, as the step before`
      throw wrong(batch, 'policy_versions', { index: t, what: `is ${version}, expected ${expected}` })
    }
    previous = version
  }
  const steps = columnNamed(batch, 'rewards').data.length
  if (steps !== envSteps) {
    const { shard, lease, sequence } = batch.provenance
    throw new MillraceError('E_BATCH_SHAPE', `the batch has ${steps} steps, its provenance says ${envSteps}`, {
      shard,
      lease,
      sequence,
    })
  }
}

/** A return that is not finite although every reward is, is a sum that a float32 cannot hold. */
function notFinite(
  batch: SampleBatch,
  column: string,
  { index, value }: { index: number; value: number },
): MillraceError {
  if (column !== 'episode_returns') return wrong(batch, column, { index, what: `is ${value}` })
  const rewards = rangeOf(columnNamed(batch, 'rewards').data)
  const what = `is ${value}: rewards run from ${short(rewards.min)} to ${short(rewards.max)}, and an episode's sum of them must fit a float32 (3.4e38)`
  return wrong(batch, column, { index, what })
}

function wrong(batch: SampleBatch, column: string, { index, what }: { index: number; what: string }): MillraceError {
  const { shard, lease, sequence } = batch.provenance
  const message = `${column}[${index}] ${what} (shard ${shard}, lease ${lease}, fragment ${sequence})`
  return new MillraceError('E_BATCH_VALUE', message, { column, index, shard, lease, sequence })
}
