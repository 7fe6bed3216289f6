import type { Layout, PackedGraph, PolicyModel } from '../tensor/index.ts'
import type { Rule } from './rules.ts'

/**
 * Everything that a learner does, as plain data: it is made on the main thread from an algorithm's file, crosses to the train worker,
 * and knows nothing of the algorithm but names.
 */
export interface Program {
  /** Of the algorithm, for messages. */
  readonly name: string
  readonly sets: Readonly<Record<string, ParameterSet>>
  readonly graphs: Readonly<Record<string, ProgramGraph>>
  /** What `train({ call })` may ask for. */
  readonly calls: Readonly<Record<string, readonly Rule[]>>
  /** Numbers that `adapt` changes, with their first values. */
  readonly scalars: Readonly<Record<string, number>>
  readonly policies: Readonly<Record<string, ProgramPolicy>>
  /** Of the generator that shuffles and makes noise. */
  readonly seed: number
  /** What its graphs multiply rewards by, for messages. */
  readonly rewardScale: number
}

/** Weights that change together. */
export interface ParameterSet {
  /** Where each weight lies. */
  readonly layout: Layout
  /** Float32 [P]. */
  readonly initial: Float32Array
  /** Names of the optimizer's state vectors, each [P] and zero at first; none where no graph makes the set better. */
  readonly slots: readonly string[]
}

export interface ProgramGraph {
  /** Its inputs and outputs are named as in names.ts. */
  readonly graph: PackedGraph
  /** Names of the numbers in its output `metrics` [M]. */
  readonly metrics: readonly string[]
  /** Sets that it makes better, and those in which it assigns. */
  readonly changes: readonly string[]
  readonly assigns: readonly string[]
  /** Names of the columns that it gives. */
  readonly gives: readonly string[]
}

/** The name of a run's policy where it has one only. */
export const DEFAULT_POLICY = 'default'

/** What is published under a name. */
export interface ProgramPolicy {
  /** Whose weights, one set after another, the model's are. */
  readonly sets: readonly string[]
  readonly model: PolicyModel
}
