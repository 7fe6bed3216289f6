import type * as z from 'zod'
import type { ColumnSpec } from '../batch/columnSpec.ts'
import type { SampleBatch } from '../batch/sampleBatch.ts'
import type { SourceGraph } from '../protocol/sourceGraph.ts'
import type { GraphSession } from './graphSession.ts'

/** What fragments are of. */
export interface StageSizes {
  readonly T: number
  readonly B: number
  /** By the names that parameters have for them. */
  readonly graphs: Readonly<Record<string, SourceGraph>>
}

/** What a stage has at the source. */
export interface StagePorts {
  readonly T: number
  readonly B: number
  readonly seed: number
  readonly shard: number
  /** One of the lease's graphs, opened once an execution environment. @throws MillraceError E_LEASE for one that it does not name, E_GRAPH, E_STORE */
  graph(name: string): Promise<GraphSession>
  /** The policy that steps now. */
  policy(): StagePolicy
}

export interface StagePolicy {
  readonly version: number
  /** ONNX; the weights are its initializers. */
  readonly model: Uint8Array
  /** V(x) of N observations, from the model's output `value`: [N]. @throws MillraceError E_POLICY_MODEL where it has no such output */
  values(observations: Float32Array): Promise<Float32Array>
}

/** A stage at work in one lease. What it gives has to hold until it is encoded, before the next fragment is stepped. */
export interface OpenStage {
  /** A fragment as the stage before it left it. Provenance and notes stay as they are. */
  apply(batch: SampleBatch): SampleBatch | Promise<SampleBatch>
  /**
   * Of a stage that makes several messages of the same steps: a further one, with this sequence number.
   * The batch that `apply` was given last is still there.
   */
  again?(sequence: number): SampleBatch | Promise<SampleBatch>
}

/**
 * A transformation of fragments where they are made, one file each. A plan asks for it by `.atSource(...)`; its name and parameters
 * travel in the lease.
 */
export interface SourceStage<P> {
  readonly name: string
  readonly params: z.ZodType<P>
  /** What fragments have after it, so that the learner knows what will come. @throws MillraceError E_PLAN_PARAMETER for parameters that cannot work with these sizes */
  columns(before: readonly ColumnSpec[], params: P, sizes: StageSizes): readonly ColumnSpec[]
  /** Messages that it makes of one fragment; 1 unless told. Every message has a sequence number of its own; steps are counted with the first. Only the last stage of a plan may make more. */
  rounds?(params: P, sizes: Pick<StageSizes, 'T' | 'B'>): number
  open(params: P, ports: StagePorts): OpenStage | Promise<OpenStage>
}

/** Keeps the types of a stage together. */
export const sourceStage = <P>(stage: SourceStage<P>): SourceStage<P> => stage
