import { startFauxqs } from 'fauxqs'
import { describe } from 'vitest'
import { localCloud } from '../../../infra/local/cloud.ts'
import { sqsConformance } from './conformance/sqs.ts'

const external = process.env['CONFORMANCE_ENDPOINT_SQS']

describe(external === undefined ? 'the emulated cloud' : external, () => {
  sqsConformance(async () => {
    if (external !== undefined) return { endpoint: external, stop: async () => {} }
    const cloud = await localCloud()
    return { endpoint: cloud.endpoint, stop: () => cloud.close() }
  })
})

// An independent implementation passes the same suite: it asks for what SQS does, not for what ours does.
describe('fauxqs', () => {
  sqsConformance(async () => {
    const server = await startFauxqs({ port: 0, logger: false })
    return { endpoint: server.address, stop: () => server.stop() }
  })
})
