import { describe } from 'vitest'
import { localCloud } from '../../../../infra/local/cloud.ts'
import { controlConformance } from './conformance.ts'

const command = {
  file: process.execPath,
  args: ['-e', `console.log('ready'); setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0))`],
  environment: {},
}

describe('the emulated control plane', () => {
  controlConformance(async () => {
    const cloud = await localCloud({ control: true, lambda: { bootstrap: import.meta.filename } })
    cloud.control.createAutoScalingGroup({ name: 'group', command, logGroup: '/learner' })
    cloud.control.createService({ name: 'cluster/service', command, logGroup: '/learner' })
    for (let i = 0; i < 7; i++) cloud.control.logs.write('/conformance', `stream-${i % 2}`, `line ${i}\n`)
    return {
      endpoint: cloud.endpoint,
      credentials: cloud.credentials,
      group: 'group',
      service: { cluster: 'cluster', name: 'service' },
      logs: { group: '/conformance', count: 7 },
      stop: () => cloud.close(),
    }
  })
})
