import { afterAll, beforeAll, describe } from 'vitest'
import { lambdaConformance } from './conformance.ts'
import { type RunningLambda, buildBootstrap, probe, startLambda } from './support.ts'

// Any runtime that speaks the Runtime API can stand in for ours: the path of aws-lambda-ric's index.mjs makes AWS's own the judge.
const foreignRuntime = process.env['LAMBDA_RUNTIME_CLIENT']
const elsewhere = process.env['CONFORMANCE_ENDPOINT_LAMBDA']

describe.skipIf(elsewhere !== undefined)('the emulated Lambda', () => {
  const bootstrap = buildBootstrap()
  let lambda: RunningLambda
  beforeAll(async () => {
    lambda = await startLambda(
      { bootstrap: foreignRuntime ?? bootstrap.file, foreignRuntime: foreignRuntime !== undefined },
      [
        probe('conformance-probe', { environment: { PROBE: 'yes' } }),
        probe('conformance-quick', { environment: { PROBE: 'yes' }, memoryMb: 128, timeoutMs: 1000 }),
      ],
    )
  })
  afterAll(async () => {
    await lambda[Symbol.asyncDispose]()
    bootstrap.remove()
  })
  lambdaConformance(() => lambda.endpoint)
})

describe.runIf(elsewhere !== undefined)('the Lambda at CONFORMANCE_ENDPOINT_LAMBDA', () => {
  lambdaConformance(() => elsewhere ?? '')
})
