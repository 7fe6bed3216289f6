import { lightQueue } from '../shared/cloud/loopback/lightQueue.ts'
import { lightStore } from '../shared/cloud/loopback/lightStore.ts'
import { wireTo } from '../shared/cloud/loopback/wire.ts'
import type { BatchQueue, ObjectStore } from '../shared/cloud/ports.ts'

/** S3 and SQS as a function uses them, with connections that it keeps. */
export interface Services {
  store(bucket: string): ObjectStore
  queue(queueUrl: string): BatchQueue
  destroy(): void
}

export interface Endpoints {
  readonly s3: string
  readonly sqs: string
}

/**
 * Those of an emulated cloud on this machine, or of AWS. The SDK is half of what a cold start loads, so it is loaded only where it is used.
 *
 * @param endpoints where they are; unless told, where the environment says
 */
export async function services(endpoints?: Endpoints): Promise<Services> {
  const toS3 = wireTo('S3', endpoints && { endpoint: endpoints.s3 })
  const toSqs = wireTo('SQS', endpoints && { endpoint: endpoints.sqs })
  let loading: Promise<Services> | undefined
  const sdk = () => (loading ??= import('./sdkServices.ts').then(({ sdkServices }) => sdkServices(endpoints)))
  if (!toS3 || !toSqs) {
    const loaded = await sdk()
    return {
      store: (bucket) => (toS3 ? lightStore(toS3, bucket, async () => loaded.store(bucket)) : loaded.store(bucket)),
      queue: (url) => (toSqs ? lightQueue(toSqs, url, async () => loaded.queue(url)) : loaded.queue(url)),
      destroy() {
        for (const kept of [toS3, toSqs, loaded]) kept?.destroy()
      },
    }
  }
  return {
    store: (bucket) => lightStore(toS3, bucket, async () => (await sdk()).store(bucket)),
    queue: (url) => lightQueue(toSqs, url, async () => (await sdk()).queue(url)),
    destroy() {
      for (const kept of [toS3, toSqs]) kept.destroy()
      void loading?.then((loaded) => loaded.destroy())
    },
  }
}
