import * as t from '../../../learner/tensor/index.ts'
import { evaluate, flat, fromNested, type Nested } from '../tensor/helpers.ts'

/** Inputs of a graph together with what they are fed. */
export class Feeds {
  private readonly map = new Map<t.Tensor, t.HostTensor>()

  /** A float32 input. */
  add(name: string, values: Nested): t.Tensor {
    return this.fed(name, fromNested(values))
  }

  /** An int32 input. */
  whole(name: string, values: readonly number[]): t.Tensor {
    return this.fed(name, t.int32(flat(values)))
  }

  evaluate(outputs: Readonly<Record<string, t.Tensor>>): Promise<Record<string, number[]>> {
    return evaluate(outputs, this.map)
  }

  private fed(name: string, value: t.HostTensor): t.Tensor {
    const node = t.input(name, value.shape, value.dtype)
    this.map.set(node, value)
    return node
  }
}

/** gamma where an episode goes on, 0 where it terminated. */
export const discountsOf = (terminated: readonly number[], gamma: number): number[] =>
  terminated.map((ended) => gamma * (1 - ended))
