import { describe } from 'vitest'
import { localCloud } from '../../../infra/local/cloud.ts'
import { s3Conformance } from './conformance/s3.ts'

const external = process.env['CONFORMANCE_ENDPOINT_S3']

describe(external === undefined ? 'the emulated cloud' : external, () => {
  s3Conformance(async () => {
    if (external !== undefined) return { endpoint: external, stop: async () => {} }
    const cloud = await localCloud()
    return { endpoint: cloud.endpoint, stop: () => cloud.close() }
  })
})
