export { graphError, type Dim, type Shape } from './shapes.ts'
export { float32, int32, type DType, type HostTensor, type TypedArray } from './host.ts'
export { OPS, type Graph, type Op, type Operand, type Tensor } from './graph.ts'
export { constant, input, parameter, scalar } from './ops/sources.ts'
export { add, clip, div, maximum, minimum, mul, neg, sign, square, sub } from './ops/arithmetic.ts'
export { and, cast, equal, greater, indicator, less, not, or, stopGradient, where } from './ops/logic.ts'
export { abs, elu, erf, exp, log, reciprocal, relu, sigmoid, softplus, sqrt, tanh } from './ops/unary.ts'
export { expand, expandAs, expandLast, flatten, lengthOf, reshape, transpose } from './ops/shape.ts'
export { concat, pad, shift, slice, split } from './ops/pieces.ts'
export { reduceMax, reduceMean, reduceMin, reduceSum, type ReduceOptions } from './ops/reduce.ts'
export { gemm, linear, matmul, type GemmOptions } from './ops/matmul.ts'
export { conv2d, type ConvOptions } from './ops/conv.ts'
export { conv2dLast, type ConvLastOptions } from './ops/convLast.ts'
export { argMax, gather, oneHot, takeAlongLastAxis } from './ops/indexing.ts'
export { logSoftmax, softmax } from './ops/softmax.ts'
export { gradients } from './gradients.ts'
export {
  byLastAxis,
  constantInit,
  orthogonal,
  seededUniform,
  uniformFanIn,
  zerosInit,
  type Initializer,
  type Uniform,
} from './initializers.ts'
export { ACTIVATIONS, convolution, dense, gelu, layerNorm, silu, type Activation, type Layer } from './layers.ts'
export { flattenAll, initialWeights, layoutOf, unflatten, viewsOf, type Layout, type LayoutEntry } from './layout.ts'
export { optimizer, type OptimizerConfig } from './optimizers/index.ts'
export { type Optimizer, type UpdateInputs } from './optimizers/optimizer.ts'
export { clipByNorm, globalNorm } from './optimizers/clip.ts'
export { buildTrainStep, type TrainState, type TrainStep, type TrainStepOptions } from './trainStep.ts'
export { createTrainer, type Trainer } from './trainer.ts'
export { toOnnx, type OnnxModel } from './onnx/model.ts'
export { PolicyTemplate } from './onnx/policyTemplate.ts'
export { type Engine, type Program } from './engines/engine.ts'
export { onnxRuntimeEngine, type OnnxRuntimeOptions } from './engines/onnxruntime.ts'
export { tfjsEngine } from './engines/tfjs.ts'
export { type Tf } from './engines/tf.ts'
