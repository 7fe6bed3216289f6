// Hot path: reads within bounds that were checked before, so `!` on typed arrays is fine here.
import { MillraceError } from '../errors.ts'
import type { ColumnSpec, Dim, FragmentForm } from './columnSpec.ts'
import { columnNamed, sameShape } from './columns.ts'
import { firstNonFinite } from './finite.ts'
import { rangeOf, short } from './range.ts'
import type { SampleBatch } from './sampleBatch.ts'

/** Slack for log-probabilities of certain actions, which rounding may lift above 0. */
const ROUNDING = 1e-6

/**
 * Checks a decoded fragment against what its lease promised, so that nothing is trained on that would poison a policy:
 * every column there, of its dtype, shape and limits (actions that exist, log-probabilities of discrete actions at most 0), nothing NaN or
 * infinite anywhere, no action taken that was masked, flags never both 1, final observations for exactly the truncated steps, and provenance that agrees with the data.
 *
 * @throws MillraceError E_BATCH_SHAPE, or E_BATCH_VALUE naming the column and the first index (row-major) that is wrong
 */
export function validateFragment(batch: SampleBatch, form: FragmentForm): void {
  const has = (...names: readonly string[]) => names.every((name) => Object.hasOwn(batch.columns, name))
  checkForms(batch, form)
  for (const [name, { data }] of Object.entries(batch.columns)) {
    if (!(data instanceof Float32Array || data instanceof Float64Array)) continue
    const index = firstNonFinite(data)
    if (index >= 0) throw notFinite(batch, name, { index, value: data[index]! })
  }
  for (const spec of form.columns) checkLimits(batch, spec)
  if (has('terminated', 'truncated')) {
    checkFlags(batch)
    if (has('final_index')) checkFinals(batch)
    if (has('episode_lengths')) checkEpisodes(batch)
  }
  if (has('action_mask', 'actions')) checkMask(batch, form)
  checkVersions(batch, form)
}

function checkForms(batch: SampleBatch, { T, B, columns }: FragmentForm): void {
  const { shard, lease, sequence } = batch.provenance
  const refuse = (column: string, what: string) => {
    const message = `${what} (shard ${shard}, lease ${lease})`
    return new MillraceError('E_BATCH_SHAPE', message, { column, shard, lease, sequence })
  }
  for (const name of Object.keys(batch.columns))
    if (!columns.some((spec) => spec.name === name)) throw refuse(name, `${name} is no column that its lease asks for`)
  const K = batch.columns['final_index']?.shape[0] ?? 0
  const E = batch.columns['episode_returns']?.shape[0] ?? 0
  const sizeOf = (dim: Dim): number => (typeof dim === 'number' ? dim : { T, B, K, E }[dim])
  for (const { name, dtypes, dims } of columns) {
    const { dtype, shape } = columnNamed(batch, name)
    const expected = dims.map(sizeOf)
    if (dtypes.includes(dtype) && sameShape(shape, expected)) continue
    const found = `${dtype} [${shape.join(', ')}]`
    throw refuse(name, `${name} is ${found}, expected ${dtypes.join(' or ')} [${expected.join(', ')}]`)
  }
}

function checkLimits(batch: SampleBatch, { name, min = -Infinity, max = Infinity }: ColumnSpec): void {
  if (min === -Infinity && max === Infinity) return
  const { data } = columnNamed(batch, name)
  if (typeof max !== 'number') {
    checkPlaces(batch, { name, min, max })
    return
  }
  const most = data instanceof Float32Array ? max + ROUNDING : max
  for (let i = 0; i < data.length; i++) {
    if (data[i]! >= min && data[i]! <= most) continue
    const limits = max === Infinity ? `at least ${min}` : min === -Infinity ? `at most ${max}` : `${min} to ${max}`
    throw wrong(batch, name, { index: i, what: `is ${data[i]}, expected ${limits}` })
  }
}

function checkPlaces(
  batch: SampleBatch,
  { name, min, max }: { readonly name: string; readonly min: number; readonly max: readonly number[] },
): void {
  const { data } = columnNamed(batch, name)
  for (let i = 0; i < data.length; i++) {
    const most = max[i % max.length]!
    if (data[i]! >= min && data[i]! <= most) continue
    throw wrong(batch, name, { index: i, what: `is ${data[i]}, expected ${min} to ${most}` })
  }
}

/** Of several choices the flags of one lie after those of another; the largest action of each says how many it has. */
function checkMask(batch: SampleBatch, { columns }: FragmentForm): void {
  const { max } = columns.find(({ name }) => name === 'actions') ?? {}
  const choices = typeof max === 'object' ? max : max === undefined ? [] : [max]
  const { data: actions } = columnNamed(batch, 'actions')
  const { data: mask } = columnNamed(batch, 'action_mask')
  let from = 0
  for (let i = 0; i < actions.length; i++) {
    if (mask[from + actions[i]!] === 0)
      throw wrong(batch, 'actions', { index: i, what: `is ${actions[i]}, which action_mask rules out` })
    from += choices[i % choices.length]! + 1
  }
}

function checkFlags(batch: SampleBatch): void {
  const { data: terminated } = columnNamed(batch, 'terminated')
  const { data: truncated } = columnNamed(batch, 'truncated')
  let both = 0
  for (let i = 0; i < terminated.length; i++) both |= terminated[i]! & truncated[i]!
  if (both === 0) return
  const index = terminated.findIndex((flag, i) => flag === 1 && truncated[i] === 1)
  throw wrong(batch, 'truncated', { index, what: 'is 1 where terminated is 1 too' })
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
}

function checkVersions(batch: SampleBatch, { T, B, rounds = 1 }: FragmentForm): void {
  const { data: versions } = columnNamed(batch, 'policy_versions')
  const { policyVersion, envSteps, sequence } = batch.provenance
  let previous = policyVersion
  for (let t = 0; t < versions.length; t++) {
    const version = versions[t]!
    if (t === 0 ? version !== previous : version < previous) {
      const expected = t === 0 ? `${previous}, as its provenance says` : `at least ${previous}, as the step before`
      throw wrong(batch, 'policy_versions', { index: t, what: `is ${version}, expected ${expected}` })
    }
    previous = version
  }
  const steps = sequence % rounds === 0 ? T * B : 0
  if (steps !== envSteps) {
    const { shard, lease } = batch.provenance
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
  if (column !== 'episode_returns' || !Object.hasOwn(batch.columns, 'rewards'))
    return wrong(batch, column, { index, what: `is ${value}` })
  const rewards = rangeOf(columnNamed(batch, 'rewards').data)
  const what = `is ${value}: rewards run from ${short(rewards.min)} to ${short(rewards.max)}, and an episode's sum of them must fit a float32 (3.4e38)`
  return wrong(batch, column, { index, what })
}

function wrong(batch: SampleBatch, column: string, { index, what }: { index: number; what: string }): MillraceError {
  const { shard, lease, sequence } = batch.provenance
  const message = `${column}[${index}] ${what} (shard ${shard}, lease ${lease}, fragment ${sequence})`
  return new MillraceError('E_BATCH_VALUE', message, { column, index, shard, lease, sequence })
}
