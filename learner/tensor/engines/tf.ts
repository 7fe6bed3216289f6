/** The part of TensorFlow.js that is used here, by structure: its own types are not needed to compile or to run. */
export interface TfTensor {
  readonly shape: number[]
  readonly dtype: string
  data(): Promise<Float32Array | Int32Array | Uint8Array>
  dispose(): void
}

export type TfPadding = Array<[number, number]>

export interface Tf {
  tensor(values: Float32Array | Int32Array | Uint8Array, shape: number[], dtype: 'float32' | 'int32' | 'bool'): TfTensor
  scalar(value: number, dtype?: 'float32' | 'int32'): TfTensor
  zeros(shape: number[], dtype?: 'float32' | 'int32'): TfTensor
  cast(x: TfTensor, dtype: 'float32' | 'int32' | 'bool'): TfTensor
  tidy<T extends Record<string, TfTensor>>(fn: () => T): T
  neg(x: TfTensor): TfTensor
  exp(x: TfTensor): TfTensor
  log(x: TfTensor): TfTensor
  sqrt(x: TfTensor): TfTensor
  abs(x: TfTensor): TfTensor
  sign(x: TfTensor): TfTensor
  tanh(x: TfTensor): TfTensor
  relu(x: TfTensor): TfTensor
  elu(x: TfTensor): TfTensor
  argMax(x: TfTensor, axis: number): TfTensor
  sigmoid(x: TfTensor): TfTensor
  softplus(x: TfTensor): TfTensor
  erf(x: TfTensor): TfTensor
  reciprocal(x: TfTensor): TfTensor
  logicalNot(x: TfTensor): TfTensor
  clipByValue(x: TfTensor, low: number, high: number): TfTensor
  add(a: TfTensor, b: TfTensor): TfTensor
  sub(a: TfTensor, b: TfTensor): TfTensor
  mul(a: TfTensor, b: TfTensor): TfTensor
  div(a: TfTensor, b: TfTensor): TfTensor
  minimum(a: TfTensor, b: TfTensor): TfTensor
  maximum(a: TfTensor, b: TfTensor): TfTensor
  greater(a: TfTensor, b: TfTensor): TfTensor
  less(a: TfTensor, b: TfTensor): TfTensor
  equal(a: TfTensor, b: TfTensor): TfTensor
  logicalAnd(a: TfTensor, b: TfTensor): TfTensor
  logicalOr(a: TfTensor, b: TfTensor): TfTensor
  where(condition: TfTensor, a: TfTensor, b: TfTensor): TfTensor
  sum(x: TfTensor, axes?: number[], keepDims?: boolean): TfTensor
  mean(x: TfTensor, axes?: number[], keepDims?: boolean): TfTensor
  max(x: TfTensor, axes?: number[], keepDims?: boolean): TfTensor
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor
  reshape(x: TfTensor, shape: number[]): TfTensor
  transpose(x: TfTensor, permutation?: number[]): TfTensor
  broadcastTo(x: TfTensor, shape: number[]): TfTensor
  concat(xs: TfTensor[], axis: number): TfTensor
  slice(x: TfTensor, begin: number[], size: number[]): TfTensor
  pad(x: TfTensor, paddings: TfPadding, value?: number): TfTensor
  gather(x: TfTensor, indices: TfTensor): TfTensor
  scatterND(indices: TfTensor, updates: TfTensor, shape: number[]): TfTensor
  softmax(x: TfTensor): TfTensor
  logSoftmax(x: TfTensor): TfTensor
  conv2d(
    x: TfTensor,
    filter: TfTensor,
    strides: [number, number],
    pad: 'valid',
    format: 'NHWC',
    dilations: [number, number],
  ): TfTensor
  grads(f: (...xs: TfTensor[]) => TfTensor): (xs: TfTensor[], dy?: TfTensor) => TfTensor[]
}
