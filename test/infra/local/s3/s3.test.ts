import { describe } from 'vitest'
import { elsewhere } from '../../../fakes/cloudAccess.ts'
import { localCloud } from '../../../../infra/local/cloud.ts'
import { s3Conformance } from '../conformance/s3.ts'

const external = process.env['CONFORMANCE_ENDPOINT_S3']

describe(external === undefined ? 'the emulated cloud' : external, () => {
  s3Conformance(async () => {
    if (external !== undefined) return { ...elsewhere(external), stop: async () => {} }
    const cloud = await localCloud()
    const { endpoint, credentials } = cloud
    return { endpoint, credentials, stop: () => cloud.close() }
  })
})
