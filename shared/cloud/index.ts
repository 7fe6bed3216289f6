/** The cloud as both sides see it: ports, and their adapters to AWS. */
export { type AwsOptions, configuredEndpoint, isLoopback } from './endpoints.ts'
export { type AwsClients, awsClients, lambdaClient, s3Client, sqsClient } from './clients.ts'
export { systemClock } from './clock.ts'
export { lambdaInvoker } from './lambdaInvoker.ts'
export * from './ports.ts'
export { s3ObjectStore } from './s3ObjectStore.ts'
export { sqsQueue, type SqsQueueOptions } from './sqsQueue.ts'
