// Typed-array reads use `!`: every index is within the sizes made here.
import type { Dim, FragmentForm } from '../batch/columnSpec.ts'
import { columnNamed, columnOf, elementsOf } from '../batch/columns.ts'
import { newColumn } from '../batch/concat.ts'
import type { Column, Provenance, SampleBatch, TypedArray } from '../batch/sampleBatch.ts'
import type { VectorEnv } from '../env/env.ts'
import { MillraceError } from '../errors.ts'

/** Where a fragment comes from; the rest of its provenance the fragment knows itself. */
export type FragmentOrigin = Pick<Provenance, 'run' | 'shard' | 'lease' | 'sequence'>

/**
 * The memory of one fragment [T, B]: every column at full size, made once and filled again and again. Only the final
 * observations of truncated steps grow, to the most that ever came.
 */
export class FragmentBuffer {
  /** T * B. */
  readonly envSteps: number
  /** Row t of each: what step t writes. */
  readonly observationRows: readonly (Float32Array | Uint8Array)[]
  readonly actionRows: readonly (Uint8Array | Int32Array | Float32Array)[]
  /** Empty where the env masks no actions. */
  readonly maskRows: readonly Uint8Array[]
  readonly logProbRows: readonly Float32Array[]
  readonly rewardRows: readonly Float32Array[]
  readonly terminatedRows: readonly Uint8Array[]
  readonly truncatedRows: readonly Uint8Array[]
  readonly policyVersions: Int32Array
  readonly bootstrapObservations: Float32Array | Uint8Array
  private readonly form: FragmentForm
  /** Of the columns whose size is fixed. */
  private readonly columns: Readonly<Record<string, Column>>
  private readonly finalIndex: Int32Array
  private finalObservations: Float32Array | Uint8Array
  /** Numbers of one observation, and its shape. */
  private readonly observationSize: number
  private readonly observationShape: readonly number[]
  private readonly episodeReturns: Float32Array
  private readonly episodeLengths: Int32Array
  /** Gives the memory back to its pool; what was read from it must not be used any more. Bound, so that it can be passed on. */
  readonly release: () => void
  private truncations = 0
  private episodes = 0

  /**
   * @param form of rollouts, before any stage
   * @param giveBack called by `release`
   */
  constructor(form: FragmentForm, giveBack: (buffer: FragmentBuffer) => void = () => undefined) {
    this.form = form
    this.envSteps = form.T * form.B
    this.release = () => giveBack(this)
    this.columns = Object.fromEntries(fixedColumns(form))
    const fixed = { columns: this.columns }
    const rows = <A extends TypedArray>(name: string): readonly A[] =>
      rowsOf(columnNamed(fixed, name).data as A, form.T)
    this.observationRows = rows('observations')
    this.actionRows = rows('actions')
    this.maskRows = Object.hasOwn(this.columns, 'action_mask') ? rows('action_mask') : []
    this.logProbRows = rows('behaviour_log_probs')
    this.rewardRows = rows('rewards')
    this.terminatedRows = rows('terminated')
    this.truncatedRows = rows('truncated')
    this.policyVersions = columnNamed(fixed, 'policy_versions').data as Int32Array
    const bootstrap = columnNamed(fixed, 'bootstrap_observations')
    this.bootstrapObservations = bootstrap.data as Float32Array | Uint8Array
    this.observationShape = bootstrap.shape.slice(1)
    this.observationSize = elementsOf(this.observationShape)
    this.finalIndex = new Int32Array(this.envSteps)
    this.finalObservations = this.observationsOf(0)
    this.episodeReturns = new Float32Array(this.envSteps)
    this.episodeLengths = new Int32Array(this.envSteps)
  }

  /** Forgets the episodes of the fragment before; to be called before the first step is written. */
  begin(): void {
    this.truncations = 0
    this.episodes = 0
  }

  /** Notes an episode that ended at (t, b); in order of (t, b). A truncated one keeps its final observation. */
  endEpisode(step: number, index: number, env: VectorEnv): void {
    this.episodeReturns[this.episodes] = env.episodeReturns[index]!
    this.episodeLengths[this.episodes] = env.episodeLengths[index]!
    this.episodes++
    if (env.truncated[index] === 0) return
    const size = this.observationSize
    const at = this.truncations * size
    if (at === this.finalObservations.length) this.growFinals(size)
    this.finalObservations.set(env.finalObservations.subarray(index * size, (index + 1) * size), at)
    this.finalIndex[this.truncations++] = step * this.form.B + index
  }

  /**
   * The fragment as a sample batch, with the columns that `SampleBatch` documents. Its columns are views of this buffer: they
   * hold until `release`.
   */
  toBatch(origin: FragmentOrigin, notes: Readonly<Record<string, string>> = {}): SampleBatch {
    const { truncations: K, episodes: E } = this
    const finals = this.finalObservations.subarray(0, K * this.observationSize)
    return {
      provenance: { ...origin, policyVersion: this.policyVersions[0]!, envSteps: this.envSteps },
      columns: {
        ...this.columns,
        final_index: columnOf(this.finalIndex.subarray(0, K), [K]),
        final_observations: columnOf(finals, [K, ...this.observationShape]),
        episode_returns: columnOf(this.episodeReturns.subarray(0, E), [E]),
        episode_lengths: columnOf(this.episodeLengths.subarray(0, E), [E]),
      },
      notes,
    }
  }

  private observationsOf(length: number): Float32Array | Uint8Array {
    return this.bootstrapObservations instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length)
  }

  private growFinals(size: number): void {
    const capacity = Math.min(Math.max(4, this.truncations * 2), this.envSteps)
    const grown = this.observationsOf(capacity * size)
    grown.set(this.finalObservations)
    this.finalObservations = grown
  }
}

/** Every column whose size does not depend on what happens. */
function fixedColumns({ T, B, columns }: FragmentForm): (readonly [string, Column])[] {
  const sizeOf = (dim: Dim): number => (dim === 'T' ? T : dim === 'B' ? B : Number(dim))
  return columns
    .filter(({ dims }) => !dims.includes('K') && !dims.includes('E'))
    .map(({ name, dtypes: [dtype = 'F32'], dims }) => {
      const shape = dims.map(sizeOf)
      return [name, columnOf(newColumn(name, dtype, elementsOf(shape)), shape)] as const
    })
}

/** Buffers of one form: one is filled while others are encoded and sent. As many are made as are ever out at once. */
export class FragmentPool {
  private readonly form: FragmentForm
  private readonly limit: number
  private readonly free: FragmentBuffer[] = []
  private readonly out = new Set<FragmentBuffer>()

  /** @param limit buffers out at once at most: what the caller keeps in flight, and one to fill */
  constructor(form: FragmentForm, limit: number) {
    this.form = form
    this.limit = limit
  }

  /** @throws MillraceError E_INTERNAL when `limit` are out: fragments are not being released */
  acquire(): FragmentBuffer {
    if (this.out.size >= this.limit) {
      throw new MillraceError('E_INTERNAL', `${this.limit} fragments are out and none was released`, {
        limit: this.limit,
      })
    }
    const buffer = this.free.pop() ?? new FragmentBuffer(this.form, (returned) => this.takeBack(returned))
    this.out.add(buffer)
    return buffer
  }

  private takeBack(buffer: FragmentBuffer): void {
    // A second release must not let two fragments be written into one memory.
    if (this.out.delete(buffer)) this.free.push(buffer)
  }
}

function rowsOf<A extends TypedArray>(data: A, count: number): readonly A[] {
  const size = data.length / count
  return Array.from({ length: count }, (_, t) => data.subarray(t * size, (t + 1) * size) as A)
}
