import type * as z from 'zod'
import type { ColumnSpec } from '../batch/columnSpec.ts'
import type { SampleBatch } from '../batch/sampleBatch.ts'
import type { Observations } from '../policy/session.ts'
import type { SourceGraph } from '../protocol/sourceGraph.ts'
import type { GraphSession } from './graphSession.ts'

/** What fragments are of. */
export interface StageSizes {
  /** Steps, and envs. */
  readonly T: number
  readonly B: number
  /** By the names that parameters have for them. */
  readonly graphs: Readonly<Record<string, SourceGraph>>
}

/** The policy that steps now. */
export interface StagePolicy {
  readonly version: number
  /** ONNX; the weights are its initializers. */
  readonly model: Uint8Array
  /** V(x) of N observations, from the model's output `value`: [N]. @throws MillraceError E_POLICY_MODEL where it has no such output */
  values(observations: Observations): Promise<Float32Array>
}

/** What a stage has at the source. */
export interface StagePorts {
  readonly T: number
  readonly B: number
  readonly seed: number
  readonly shard: number
  /** One of the lease's graphs, opened once an execution environment. @throws MillraceError E_LEASE for one that it does not name, E_GRAPH, E_STORE */
  graph(name: string): Promise<GraphSession>
  policy(): StagePolicy
}

/** A stage at work in one lease. */
export interface OpenStage {
  /** A fragment as the stage before it left it. Provenance and notes stay as they are. */
  apply(batch: SampleBatch): SampleBatch | Promise<SampleBatch>
  /** Of a stage that makes several messages of the same steps: a further one, with this sequence number. What `apply` was given last is still there. */
  again?(sequence: number): SampleBatch | Promise<SampleBatch>
}

/**
 * A transformation of fragments where they are made, one file each. A plan asks for it by `.atSource(...)`; its name and parameters
 * travel in the lease.
 */
export interface SourceStage<S extends z.ZodType = z.ZodType> {
  readonly name: string
  readonly params: S
  /** What fragments have after it, so that the learner knows what will come. @throws MillraceError E_PLAN_PARAMETER for parameters that cannot work with these sizes */
  columns(before: readonly ColumnSpec[], params: z.output<S>, sizes: StageSizes): readonly ColumnSpec[]
  /** Names of the graphs that it runs. */
  graphs?(params: z.output<S>): readonly string[]
  /** Messages that it makes of one fragment; 1 unless told. Each has a sequence number of its own; steps are counted with the first. Only the last stage of a plan may make several. */
  rounds?(params: z.output<S>, sizes: Pick<StageSizes, 'T' | 'B'>): number
  /** @param columns what fragments have before it */
  open(params: z.output<S>, ports: StagePorts, columns: readonly ColumnSpec[]): OpenStage | Promise<OpenStage>
}

/** Keeps the types of a stage together. */
export const sourceStage = <S extends z.ZodType>(stage: SourceStage<S>): SourceStage<S> => stage
