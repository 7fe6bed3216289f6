import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findDeployed } from '../../../cli/project/deployed.ts'
import { provisionStage } from '../../../infra/clouds/stage.ts'
import { localCloud, type LocalCloud } from '../../../infra/local/cloud.ts'
import { s3Client, s3ObjectStore } from '../../../shared/cloud/index.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { type StageDescription, stageParameter } from '../../../shared/protocol/stage.ts'
import { accessTo } from '../../fakes/cloudAccess.ts'

// The real SDK clients, on the emulated control plane.

let cloud: LocalCloud
let description: StageDescription
beforeEach(async () => {
  cloud = await localCloud({ control: true, lambda: { accountConcurrency: 200 } })
  const command = { file: process.execPath, args: ['-e', ''], environment: {} }
  description = provisionStage(cloud, { command }).description
})
afterEach(() => cloud.close())

const find = (stage = 'demo') => findDeployed('millrace', stage, { region: 'us-east-1', ...accessTo(cloud) })
const describeAs = (value: object) =>
  cloud.control.parameters.put(stageParameter('millrace', 'demo'), JSON.stringify(value))

async function ask(run: string): Promise<void> {
  const client = s3Client(accessTo(cloud))
  await s3ObjectStore(client, description.bucket).put(keys.request(run), new Uint8Array())
  client.destroy()
}

describe('a stage that is deployed anew', () => {
  test('is known with its version and the runs that were asked for', async () => {
    await ask('run-1')
    const { millrace, concurrency } = description
    expect(await find()).toEqual({ millrace, concurrency, requested: ['run-1'] })
    expect(await find('other')).toBeUndefined()
  })

  test('is known also where its version described it in another form', async () => {
    await ask('run-1')
    const { bucket } = description
    describeAs({ format: 9, millrace: '0.0.1', bucket, concurrency: 3, more: true })
    expect(await find()).toEqual({ millrace: '0.0.1', concurrency: 3, requested: ['run-1'] })
  })

  test('has no runs where its bucket is gone, or its description says nothing: deploying heals both', async () => {
    describeAs({ ...description, bucket: 'gone-by-hand' })
    expect(await find()).toBeUndefined()
    describeAs({})
    expect(await find()).toBeUndefined()
  })

  test('a right that is lacking is told', async () => {
    cloud.control.account.denied.add('ssm:GetParameter')
    await expect(find()).rejects.toMatchObject({ code: 'E_PERMISSION' })
  })
})
