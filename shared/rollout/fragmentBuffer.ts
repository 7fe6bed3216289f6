// Typed-array reads use `!`: every index is within the sizes made here.
import type { Column, DType, Provenance, SampleBatch, TypedArray } from '../batch/sampleBatch.ts'
import type { VectorEnv } from '../env/env.ts'
import { type Space, spaceSize } from '../env/space.ts'
import { MillraceError } from '../errors.ts'

/** What a fragment is made of: T steps of the envs it is for. */
export interface FragmentShape {
  readonly steps: number
  readonly numEnvs: number
  /** Shape of one observation. */
  readonly observation: readonly number[]
  readonly action: Space
}

/** Where a fragment comes from; the rest of its provenance the fragment knows itself. */
export type FragmentOrigin = Pick<Provenance, 'run' | 'shard' | 'lease' | 'sequence'>

/**
 * The memory of one fragment [T, B]: every column at full size, made once and filled again and again. Only the final
 * observations of truncated steps grow, to the most that ever came.
 */
export class FragmentBuffer {
  readonly shape: FragmentShape
  /** Row t of each: what step t writes. Discrete actions are bytes where one fits into a byte. */
  readonly observationRows: readonly Float32Array[]
  readonly actionRows: readonly (Uint8Array | Int32Array | Float32Array)[]
  readonly logProbRows: readonly Float32Array[]
  readonly rewardRows: readonly Float32Array[]
  readonly terminatedRows: readonly Uint8Array[]
  readonly truncatedRows: readonly Uint8Array[]
  readonly policyVersions: Int32Array
  readonly bootstrapObservations: Float32Array
  private readonly columns: Readonly<Record<string, Column>>
  private readonly finalIndex: Int32Array
  private finalObservations: Float32Array
  private readonly episodeReturns: Float32Array
  private readonly episodeLengths: Int32Array
  /** Gives the memory back to its pool; what was read from it must not be used any more. Bound, so that it can be passed on. */
  readonly release: () => void
  private truncations = 0
  private episodes = 0

  /** @param giveBack called by `release` */
  constructor(shape: FragmentShape, giveBack: (buffer: FragmentBuffer) => void = () => undefined) {
    const { steps, numEnvs, observation } = shape
    const cells = steps * numEnvs
    const observations = new Float32Array(cells * elements(observation))
    const actions = actionMemory(shape.action, cells)
    const logProbs = new Float32Array(cells)
    const rewards = new Float32Array(cells)
    const terminated = new Uint8Array(cells)
    const truncated = new Uint8Array(cells)
    this.shape = shape
    this.release = () => giveBack(this)
    this.policyVersions = new Int32Array(steps)
    this.bootstrapObservations = new Float32Array(numEnvs * elements(observation))
    this.finalIndex = new Int32Array(cells)
    this.finalObservations = new Float32Array(0)
    this.episodeReturns = new Float32Array(cells)
    this.episodeLengths = new Int32Array(cells)
    this.observationRows = rows(observations, steps)
    this.actionRows = rows(actions, steps)
    this.logProbRows = rows(logProbs, steps)
    this.rewardRows = rows(rewards, steps)
    this.terminatedRows = rows(terminated, steps)
    this.truncatedRows = rows(truncated, steps)
    this.columns = {
      observations: column('F32', [steps, numEnvs, ...observation], observations),
      bootstrap_observations: column('F32', [numEnvs, ...observation], this.bootstrapObservations),
      actions: column(dtypeOf(actions), [steps, numEnvs, ...actionShape(shape.action)], actions),
      behaviour_log_probs: column('F32', [steps, numEnvs], logProbs),
      rewards: column('F32', [steps, numEnvs], rewards),
      terminated: column('U8', [steps, numEnvs], terminated),
      truncated: column('U8', [steps, numEnvs], truncated),
      policy_versions: column('I32', [steps], this.policyVersions),
    }
  }

  /** Env steps it holds when full. */
  get envSteps(): number {
    return this.shape.steps * this.shape.numEnvs
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
    const size = elements(this.shape.observation)
    const at = this.truncations * size
    if (at === this.finalObservations.length) this.growFinals(size)
    this.finalObservations.set(env.finalObservations.subarray(index * size, (index + 1) * size), at)
    this.finalIndex[this.truncations++] = step * this.shape.numEnvs + index
  }

  /**
   * The fragment as a sample batch, with the columns that `SampleBatch` documents. Its columns are views of this buffer: they
   * hold until `release`.
   */
  toBatch(origin: FragmentOrigin, notes: Readonly<Record<string, string>> = {}): SampleBatch {
    const { observation } = this.shape
    const finals = this.finalObservations.subarray(0, this.truncations * elements(observation))
    return {
      provenance: { ...origin, policyVersion: this.policyVersions[0]!, envSteps: this.envSteps },
      columns: {
        ...this.columns,
        final_index: column('I32', [this.truncations], this.finalIndex.subarray(0, this.truncations)),
        final_observations: column('F32', [this.truncations, ...observation], finals),
        episode_returns: column('F32', [this.episodes], this.episodeReturns.subarray(0, this.episodes)),
        episode_lengths: column('I32', [this.episodes], this.episodeLengths.subarray(0, this.episodes)),
      },
      notes,
    }
  }

  private growFinals(size: number): void {
    const capacity = Math.min(Math.max(4, this.truncations * 2), this.envSteps)
    const grown = new Float32Array(capacity * size)
    grown.set(this.finalObservations)
    this.finalObservations = grown
  }
}

function actionMemory(action: Space, cells: number): Uint8Array | Int32Array | Float32Array {
  if (action.kind === 'box') return new Float32Array(cells * spaceSize(action))
  return action.n <= 256 ? new Uint8Array(cells) : new Int32Array(cells)
}

const actionShape = (action: Space): readonly number[] => (action.kind === 'box' ? action.shape : [])

function dtypeOf(values: Uint8Array | Int32Array | Float32Array): DType {
  if (values instanceof Float32Array) return 'F32'
  return values instanceof Uint8Array ? 'U8' : 'I32'
}

/** Buffers of one shape: one is filled while others are encoded and sent. As many are made as are ever out at once. */
export class FragmentPool {
  private readonly shape: FragmentShape
  private readonly limit: number
  private readonly free: FragmentBuffer[] = []
  private readonly out = new Set<FragmentBuffer>()

  /** @param limit buffers out at once at most: what the caller keeps in flight, and one to fill */
  constructor(shape: FragmentShape, limit: number) {
    this.shape = shape
    this.limit = limit
  }

  /** @throws MillraceError E_INTERNAL when `limit` are out: fragments are not being released */
  acquire(): FragmentBuffer {
    if (this.out.size >= this.limit) {
      throw new MillraceError('E_INTERNAL', `${this.limit} fragments are out and none was released`, {
        limit: this.limit,
      })
    }
    const buffer = this.free.pop() ?? new FragmentBuffer(this.shape, (returned) => this.takeBack(returned))
    this.out.add(buffer)
    return buffer
  }

  private takeBack(buffer: FragmentBuffer): void {
    // A second release must not let two fragments be written into one memory.
    if (this.out.delete(buffer)) this.free.push(buffer)
  }
}

function elements(shape: readonly number[]): number {
  return spaceSize({ kind: 'box', shape, low: 0, high: 0 })
}

function column(dtype: DType, shape: readonly number[], data: TypedArray): Column {
  return { dtype, shape, data }
}

function rows<A extends TypedArray>(data: A, count: number): readonly A[] {
  const size = data.length / count
  return Array.from({ length: count }, (_, t) => data.subarray(t * size, (t + 1) * size) as A)
}
