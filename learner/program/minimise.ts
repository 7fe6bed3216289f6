import {
  type Tensor,
  add,
  clipByNorm,
  flattenAll,
  globalNorm,
  gradients,
  input,
  layoutOf,
  optimizer,
} from '../tensor/index.ts'
import { programError } from './check.ts'
import type { Minimisation } from './describe.ts'
import { rate } from './names.ts'

/** One step of an optimizer on a set of weights: its outputs by the names of the state they replace, and the gradient's norm before clipping. */
export interface MinimisingStep {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly gradNorm: Tensor
}

/**
 * Gradients of a loss, or those that are given, clipped and handed to an optimizer, over the flat vector of a set.
 *
 * @param weights [P], the vector as an input
 * @throws MillraceError E_GRAPH if a given gradient has another size, the loss is no scalar, or an operator on the way has no gradient
 */
export function minimised(
  set: string,
  { weights, parameters }: { readonly weights: Tensor; readonly parameters: readonly Tensor[] },
  minimisation: Minimisation,
): MinimisingStep {
  const { optimizer: config, maxGradNorm, rate: rateName = 'learning_rate' } = minimisation
  const { size } = layoutOf(parameters)
  const method = optimizer(config)
  const slots = method.slots.map((slot) => input(`slot.${set}.${slot}`, [size]))
  const step = input(`step.${set}`, [], 'int32')
  const raw =
    'loss' in minimisation ? gradientOf(minimisation.loss, parameters) : fitting(set, minimisation.gradient, size)
  const gradNorm = globalNorm(raw)
  const gradient = maxGradNorm === undefined ? raw : clipByNorm(raw, gradNorm, maxGradNorm)
  const next = add(step, 1)
  const updated = method.update({ weights, gradient, slots, step: next, learningRate: rate(rateName) })
  const outputs = {
    [`set.${set}`]: updated.weights,
    ...Object.fromEntries(method.slots.map((slot, i) => [`slot.${set}.${slot}`, updated.slots[i] as Tensor] as const)),
    [`step.${set}`]: next,
  }
  return { outputs: Object.fromEntries(Object.entries(outputs).map(([name, to]) => [`new.${name}`, to])), gradNorm }
}

/** [P] of a loss, in the order of the parameters. @throws MillraceError E_GRAPH */
export function gradientOf(loss: Tensor, parameters: readonly Tensor[]): Tensor {
  if (loss.shape.length === 0) return flattenAll(gradients(loss, parameters))
  throw programError(`a loss is [${loss.shape.join(', ')}], expected one number: take its reduceMean()`)
}

function fitting(set: string, gradient: Tensor, size: number): Tensor {
  const [length, ...rest] = gradient.shape
  if (length === size && rest.length === 0) return gradient
  throw programError(
    `the gradient given for '${set}' is [${gradient.shape.join(', ')}], and the set has ${size} weights`,
  )
}
