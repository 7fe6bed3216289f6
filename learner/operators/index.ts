export { concatBatches, countSamples, dropStale, inOrder } from './sampling.ts'
export { type TrainOneStepParams, publishPolicy, trainOneStep } from './training.ts'
