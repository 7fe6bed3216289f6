import { startFauxqs } from 'fauxqs'
import { describe } from 'vitest'
import { elsewhere } from '../../../fakes/cloudAccess.ts'
import { localCloud } from '../../../../infra/local/cloud.ts'
import { sqsConformance } from '../conformance/sqs.ts'

const external = process.env['CONFORMANCE_ENDPOINT_SQS']

describe(external === undefined ? 'the emulated cloud' : external, () => {
  sqsConformance(async () => {
    if (external !== undefined) return { ...elsewhere(external), stop: async () => {} }
    const cloud = await localCloud()
    const { endpoint, credentials } = cloud
    return { endpoint, credentials, stop: () => cloud.close() }
  })
})

// An independent implementation passes the same suite: it asks for what SQS does, not for what ours does.
describe('fauxqs', () => {
  sqsConformance(async () => {
    const server = await startFauxqs({ port: 0, logger: false })
    return { ...elsewhere(server.address), stop: () => server.stop() }
  })
})
