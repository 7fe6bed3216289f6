import { type DType, type Shape, type Tensor, input } from '../tensor/index.ts'

// The names of a graph's inputs and outputs say what they are bound to: `set.actor`, `slot.actor.mean`, `rate.learning_rate`,
// `column.rewards`. Makers of a program use the functions; whoever runs it reads the names.

/** A column of the batch, or one that an earlier rule of the same call gave. */
export const column = (name: string, shape: Shape, dtype: DType = 'float32'): Tensor =>
  input(`column.${name}`, shape, dtype)

/** A number that may change from update to update, float32 []: what `train({ rates })` gives under this name. */
export const rate = (name: string): Tensor => input(`rate.${name}`, [])

/** A number of the program's own state, float32 []: what `adapt` changes. */
export const scalarState = (name: string): Tensor => input(`scalar.${name}`, [])

/** Numbers drawn anew at every run of the graph from the program's own generator, float32. */
export const noise = (name: string, shape: readonly number[], kind: 'normal' | 'uniform' = 'normal'): Tensor =>
  input(`${kind}.${name}`, shape)

export const KINDS = ['set', 'slot', 'step', 'column', 'rate', 'scalar', 'normal', 'uniform'] as const
export type InputKind = (typeof KINDS)[number]

/** What the name of an input is bound to; undefined for a name of no kind. */
export function bindingOf(inputName: string): { readonly kind: InputKind; readonly of: readonly string[] } | undefined {
  const [first = '', ...of] = inputName.split('.')
  const kind = KINDS.find((known) => known === first)
  return kind && of.length > 0 ? { kind, of } : undefined
}
