// Hot path of the learner: reads within bounds that were checked before, so `!` on typed arrays is fine here.
import { MillraceError } from '../errors.ts'
import { columnNamed, columnOf, elementsOf } from './columns.ts'
import { type AllocateColumn, type TrainBatch, newColumn } from './concat.ts'
import type { Column } from './sampleBatch.ts'

/** What a train step is fed, by the names of its graph's inputs. N = T * B rows; step (t, b) is row t * B + b. */
export interface TrainInputs {
  readonly T: number
  readonly B: number
  /**
   * Every column of the batch that is [T, B, …] or stacked, and, where it has the columns that they are made of:
   *
   * | column | dtype | shape | |
   * |---|---|---|---|
   * | `actions` | I32 or F32 | [T, B] or [T, B, A] | U8 indices widened |
   * | `terminated` | U8 | [T, B] | as in the batch: 1 where the value of the next state does not count |
   * | `episode_end` | U8 | [T, B] | 1 where terminated or truncated: the trace is cut |
   * | `extra_observations` | F32 or U8 | [E, ...D], E = B + K | the bootstrap observations, then the final observations of truncated steps |
   * | `next_index` | I32 | [T, B] | row of a step's true next state in concat(values of observations, values of extra) |
   */
  readonly columns: Readonly<Record<string, Column>>
}

/** In a TrainBatch, but no input of a train step: they are [B], [K], [E] or [T, F], or replaced by what is above. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'bootstrap_observations',
  'final_index',
  'final_observations',
  'policy_versions',
  'episode_returns',
  'episode_lengths',
  'truncated',
])

/**
 * Makes a train step's inputs. A truncated episode bootstraps from the observation it ended with (Pardo et al. 2018,
 * arXiv:1712.00378, section 3), so with V the values of concat(observations, extra_observations), N + E long:
 *
 *     V(next state of step (t, b)) = V[next_index[t, b]],  next_index[t, b] =
 *       N + B + k       where step (t, b) is the k-th truncated one
 *       N + b           where t = T - 1
 *       (t + 1) * B + b otherwise; where terminated that row is of another episode, and `terminated` masks it
 *
 * @param allocate where new columns go (`ColumnBuffers.take`); columns that need no change are those of the batch
 * @throws MillraceError E_BATCH_SHAPE when the truncated steps are not those of `final_index`
 */
export function trainInputs(batch: TrainBatch, allocate: AllocateColumn = newColumn): TrainInputs {
  const { T, B } = batch
  const columns: Record<string, Column> = {}
  for (const [name, column] of Object.entries(batch.columns)) if (!LEFT_OUT.has(name)) columns[name] = column
  const { actions } = batch.columns
  if (actions?.dtype === 'U8') columns['actions'] = widened(actions, allocate)
  if (has(batch, 'terminated', 'truncated')) columns['episode_end'] = episodeEnds(batch, allocate)
  if (has(batch, 'truncated', 'final_index')) columns['next_index'] = nextIndices(batch, allocate)
  if (has(batch, 'bootstrap_observations', 'final_observations'))
    columns['extra_observations'] = extraObservations(batch, allocate)
  return { T, B, columns }
}

const has = ({ columns }: TrainBatch, ...names: readonly string[]): boolean =>
  names.every((name) => Object.hasOwn(columns, name))

function widened({ data, shape }: Column, allocate: AllocateColumn): Column {
  const wide = allocate('actions:i32', 'I32', data.length)
  for (let i = 0; i < wide.length; i++) wide[i] = data[i]!
  return columnOf(wide, shape)
}

function episodeEnds(batch: TrainBatch, allocate: AllocateColumn): Column {
  const { data: terminated, shape } = columnNamed(batch, 'terminated')
  const { data: truncated } = columnNamed(batch, 'truncated')
  const ends = allocate('episode_end', 'U8', terminated.length)
  for (let i = 0; i < ends.length; i++) ends[i] = terminated[i]! | truncated[i]!
  return columnOf(ends, shape)
}

function nextIndices(batch: TrainBatch, allocate: AllocateColumn): Column {
  const { T, B } = batch
  const { data: truncated } = columnNamed(batch, 'truncated')
  const { data: finalIndex } = columnNamed(batch, 'final_index')
  const N = T * B
  const next = allocate('next_index', 'I32', N)
  // Row (T, b) would be row N + b of the concatenation, which is just where the bootstrap values begin.
  for (let i = 0; i < N; i++) next[i] = i + B
  let count = 0
  for (let i = 0; i < N; i++) count += truncated[i]!
  if (count !== finalIndex.length) {
    throw new MillraceError('E_BATCH_SHAPE', `${count} steps are truncated, final_index has ${finalIndex.length}`)
  }
  for (let k = 0; k < finalIndex.length; k++) {
    const at = finalIndex[k]!
    if (truncated[at] !== 1)
      throw new MillraceError('E_BATCH_SHAPE', `final_index ${k} points at step ${at}, which is not truncated`)
    next[at] = N + B + k
  }
  return columnOf(next, [T, B])
}

function extraObservations(batch: TrainBatch, allocate: AllocateColumn): Column {
  const bootstrap = columnNamed(batch, 'bootstrap_observations')
  const finals = columnNamed(batch, 'final_observations')
  const rows = bootstrap.shape[0]! + finals.shape[0]!
  const shape = [rows, ...bootstrap.shape.slice(1)]
  const extra = allocate('extra_observations', bootstrap.dtype, elementsOf(shape))
  extra.set(bootstrap.data)
  extra.set(finals.data, bootstrap.data.length)
  return columnOf(extra, shape)
}
