import { type OptimizerConfig, type Tensor, optimizer } from '../tensor/index.ts'
import type { Rule } from './rules.ts'

/** A program as an algorithm's file writes it: tensors, and what is to become of them. */
export interface ProgramDescription {
  /** Parameters in the order in which they lie in the flat vector; or those of a copy, which begins with the weights of another set. */
  readonly sets: Readonly<Record<string, readonly Tensor[] | CopiedSet>>
  readonly graphs: Readonly<Record<string, GraphDescription>>
  readonly calls: Readonly<Record<string, readonly Rule[]>>
  readonly policies: Readonly<Record<string, PolicyDescription>>
  /** First values of what `adapt` changes. */
  readonly scalars?: Readonly<Record<string, number>>
  /** What its graphs multiply rewards by, so that messages can say so; 1 if not given. */
  readonly rewardScale?: number
}

/** A target network: parameters of the same shapes as those of `copyOf`, and its weights at the beginning. */
export interface CopiedSet {
  readonly parameters: readonly Tensor[]
  readonly copyOf: string
}

export interface GraphDescription {
  /** By set: what makes it better. */
  readonly minimise?: Readonly<Record<string, Minimisation>>
  /** Parameters with the values that they have from then on, each of its parameter's shape. Nothing is assigned in a set that is made better. */
  readonly assign?: readonly (readonly [parameter: Tensor, value: Tensor])[]
  /** By column: the gradient of a loss, [P] in the order of the set's flat vector, not clipped. Nothing is changed by it. */
  readonly gradients?: Readonly<Record<string, GradientDescription>>
  /** What later rules of the call, or the plan, see as columns. */
  readonly columns?: Readonly<Record<string, Tensor>>
  /** Float32 [], reported by name. */
  readonly metrics?: Readonly<Record<string, Tensor>>
}

export interface GradientDescription {
  /** A set. */
  readonly of: string
  /** Float32 []. */
  readonly loss: Tensor
}

/** What makes a set better: a loss, to be made smaller, or a gradient that was computed elsewhere. */
export type Minimisation = (
  | {
      /** Float32 []. */
      readonly loss: Tensor
    }
  | {
      /** Float32 [P], in the order of the set's flat vector; see `givenGradient`. */
      readonly gradient: Tensor
    }
) & {
  readonly optimizer: OptimizerConfig
  /** Global norm to which gradients are clipped; not clipped if not given. */
  readonly maxGradNorm?: number
  /** Name of its learning rate; `learning_rate` if not given. */
  readonly rate?: string
}

export interface PolicyDescription {
  /** Whose parameters it has. */
  readonly sets: readonly string[]
  /** With dynamic rows: `observations` [N, ...D]. */
  readonly inputs: readonly Tensor[]
  readonly outputs: Readonly<Record<string, Tensor>>
}

/** The parameters of a set, in the order in which they lie in its flat vector. */
export const parametersOf = (set: readonly Tensor[] | CopiedSet): readonly Tensor[] =>
  'copyOf' in set ? set.parameters : set

/** Names of the state vectors that the optimizers of a set need. */
export function slotsOf({ graphs }: ProgramDescription, set: string): readonly string[] {
  const minimisations = Object.values(graphs).flatMap(({ minimise }) => minimise?.[set] ?? [])
  return [...new Set(minimisations.flatMap((one) => optimizer(one.optimizer).slots))]
}
