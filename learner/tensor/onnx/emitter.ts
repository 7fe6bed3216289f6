import type { HostTensor } from '../host.ts'

/** An attribute of an ONNX node: an integer, `{ float }`, a string, or a list of integers. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number }
export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>

/** Where operators write their ONNX nodes. Values are known by name; an empty name stands for an input left out. */
export interface Emitter {
  /** One node with one output. */
  node(opType: string, inputs: readonly string[], attributes?: OnnxAttributes): string
  /** One node with several outputs. */
  nodeOf(opType: string, inputs: readonly string[], options: { outputs: number; attributes?: OnnxAttributes }): string[]
  /** What was made under this key before, or now: one ONNX node shared by several of ours. */
  once(key: string, make: () => string[]): readonly string[]
  /** An int64 list as an initialiser. */
  ints(values: readonly number[]): string
  /** A float32 scalar as an initialiser. */
  float(value: number): string
  /** Any tensor as an initialiser. */
  tensor(value: HostTensor): string
}
