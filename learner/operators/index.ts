export {
  gae as gaeAtSource,
  gradients as gradientsAtSource,
  sharedGradients as sharedGradientsAtSource,
} from './atSource.ts'
export { concatBatches, countSamples, dropStale, inOrder } from './sampling.ts'
export { type TrainOneStepParams, publishPolicy, trainOneStep } from './training.ts'
