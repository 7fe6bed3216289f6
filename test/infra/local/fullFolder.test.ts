// The folder of an emulated S3 takes nothing more: whoever writes hears why, within seconds.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { localCloud } from '../../../infra/local/cloud.ts'
import { Outages } from '../../../learner/run/outages.ts'
import { Publisher } from '../../../learner/publish/publisher.ts'
import { awsClients, s3ObjectStore, systemClock } from '../../../shared/cloud/index.ts'
import { accessTo } from '../../fakes/cloudAccess.ts'

test('a heartbeat that finds the folder full is told with that cause, once, and goes on when there is room again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-full-'))
  const cloud = await localCloud({ folder })
  cloud.s3.createBucket('bucket')
  const clients = awsClients(accessTo(cloud))
  const events: string[] = []
  const outages = new Outages(systemClock, (text) => events.push(text))
  const publisher = new Publisher(s3ObjectStore(clients.s3, 'bucket'), systemClock, {
    run: 'run',
    heartbeatMs: 10_000,
    everyVersion: false,
    consumed: () => [0],
    onRequest: () => undefined,
    onOutage: outages.seen,
  })
  const place = join(folder, 's3', 'bucket')
  try {
    await rm(place, { recursive: true })
    await writeFile(place, 'no folder')
    publisher.start()
    await publisher.publish(0, new Uint8Array(10))
    await vi.waitFor(() => expect(events).toHaveLength(1), { timeout: 10_000 })
    expect(events[0]).toMatch(/cannot keep the emulated S3 in .*; trying again, for 3 minutes$/)
    expect(publisher.speaksSince).toBe(Number.POSITIVE_INFINITY)
    await rm(place)
    await vi.waitFor(() => expect(Number.isFinite(publisher.speaksSince)).toBe(true), { timeout: 10_000 })
    expect(events).toHaveLength(1)
  } finally {
    await publisher.stop()
    clients.destroy()
    await cloud.close()
    await rm(folder, { recursive: true })
  }
})
