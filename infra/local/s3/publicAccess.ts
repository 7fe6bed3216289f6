import { AwsError } from '../awsError.ts'
import { readBody, requestId } from '../http.ts'
import type { S3 } from './s3.ts'
import type { Bucket } from './bucket.ts'
import { sendXml, type S3Operation } from './wire.ts'
import { element, S3_NAMESPACE, textOf } from './xml.ts'

const FIELDS = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'] as const
type Block = Readonly<Record<(typeof FIELDS)[number], boolean>>

/** Since April 2023 S3 blocks all public access to a new bucket. */
const NEW_BUCKET: Block = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
}

/** What blocks public access to a bucket. Kept and told, no more: nothing here is public. */
export function publicAccessOperations(s3: S3) {
  const changed = new WeakMap<Bucket, Block | undefined>()
  return {
    GetPublicAccessBlock: ({ bucket: name }, request, response) => {
      request.resume()
      const bucket = s3.bucket(name)
      const block = changed.has(bucket) ? changed.get(bucket) : NEW_BUCKET
      if (block === undefined)
        throw new AwsError(
          404,
          'NoSuchPublicAccessBlockConfiguration',
          'The public access block configuration was not found',
        )
      const inside = FIELDS.map((field) => element(field, block[field])).join('')
      sendXml(response, `<PublicAccessBlockConfiguration ${S3_NAMESPACE}>${inside}</PublicAccessBlockConfiguration>`)
    },
    PutPublicAccessBlock: async ({ bucket: name }, request, response) => {
      const xml = (await readBody(request)).toString('utf8')
      const block = Object.fromEntries(FIELDS.map((field) => [field, textOf(xml, field) === 'true'])) as Block
      changed.set(s3.bucket(name), block)
      response.writeHead(200, { 'x-amz-request-id': requestId(), 'content-length': 0 }).end()
    },
    DeletePublicAccessBlock: ({ bucket: name }, request, response) => {
      request.resume()
      changed.set(s3.bucket(name), undefined)
      response.writeHead(204, { 'x-amz-request-id': requestId() }).end()
    },
  } satisfies Record<string, S3Operation>
}
