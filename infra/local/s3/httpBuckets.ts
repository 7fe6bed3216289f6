import { AwsError } from '../awsError.ts'
import { header, readBody, requestId } from '../http.ts'
import type { S3 } from './s3.ts'
import type { StoredObject } from './bucket.ts'
import { verifyChecksums } from './checksum.ts'
import { sendXml, type S3Operation } from './wire.ts'
import { element, elements, S3_NAMESPACE, textOf } from './xml.ts'

const OWNER = '<Owner><ID>000000000000</ID></Owner>'
const REGION = 'us-east-1'

/** Operations on buckets, and those that take many objects at once. */
export function bucketOperations(s3: S3) {
  return {
    ListBuckets: (_call, request, response) => {
      request.resume()
      const buckets = s3
        .listBuckets()
        .map(({ name, created }) => `<Bucket>${element('Name', name)}${date('CreationDate', created)}</Bucket>`)
      sendXml(
        response,
        `<ListAllMyBucketsResult ${S3_NAMESPACE}>${OWNER}<Buckets>${buckets.join('')}</Buckets></ListAllMyBucketsResult>`,
      )
    },
    CreateBucket: async ({ bucket }, request, response) => {
      await readBody(request)
      s3.createBucket(bucket)
      response.writeHead(200, { 'x-amz-request-id': requestId(), location: `/${bucket}`, 'content-length': 0 }).end()
    },
    HeadBucket: ({ bucket }, request, response) => {
      request.resume()
      s3.bucket(bucket)
      response.writeHead(200, { 'x-amz-request-id': requestId(), 'x-amz-bucket-region': REGION }).end()
    },
    DeleteBucket: ({ bucket }, request, response) => {
      request.resume()
      s3.deleteBucket(bucket)
      response.writeHead(204, { 'x-amz-request-id': requestId() }).end()
    },
    GetBucketLocation: ({ bucket }, request, response) => {
      request.resume()
      s3.bucket(bucket)
      sendXml(response, `<LocationConstraint ${S3_NAMESPACE}/>`) // empty is how S3 says us-east-1
    },
    ListObjects: ({ bucket, query }, request, response) => {
      request.resume()
      sendXml(response, listing(s3, bucket, { query, version: 1 }))
    },
    ListObjectsV2: ({ bucket, query }, request, response) => {
      request.resume()
      sendXml(response, listing(s3, bucket, { query, version: 2 }))
    },
    DeleteObjects: async ({ bucket }, request, response) => {
      const body = await readBody(request)
      verifyChecksums(body, request.headers)
      const xml = body.toString('utf8')
      const entries = elements(xml, 'Object')
      if (entries.length < 1 || entries.length > 1000) throw malformed()
      const quiet = textOf(xml, 'Quiet') === 'true'
      const answers = entries.map((entry) => deleteOne(s3, bucket, entry, quiet))
      sendXml(response, `<DeleteResult ${S3_NAMESPACE}>${answers.join('')}</DeleteResult>`)
    },
    DeleteObject: ({ bucket, key }, request, response) => {
      request.resume()
      s3.delete(bucket, key, { ifMatch: header(request, 'if-match') })
      response.writeHead(204, { 'x-amz-request-id': requestId() }).end()
    },
  } satisfies Record<string, S3Operation>
}

function deleteOne(s3: S3, bucket: string, entry: string, quiet: boolean): string {
  const key = textOf(entry, 'Key')
  if (key === undefined || key === '') throw malformed()
  try {
    s3.delete(bucket, key, { ifMatch: textOf(entry, 'ETag') })
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== 'PreconditionFailed') throw error
    return `<Error>${element('Key', key)}${element('Code', error.code)}${element('Message', error.message)}</Error>`
  }
  return quiet ? '' : `<Deleted>${element('Key', key)}</Deleted>`
}

/**
 * A page of a listing. Version 2 continues at a token, which is the last key or common prefix of the page before in base64;
 * version 1, which older clients speak, at that key itself.
 */
function listing(s3: S3, bucket: string, { query, version }: { query: URLSearchParams; version: 1 | 2 }): string {
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const marker = query.get(version === 1 ? 'marker' : 'start-after') ?? undefined
  const token = query.get('continuation-token') ?? undefined
  const maxKeys = Number(query.get('max-keys') ?? 1000)
  if (!Number.isInteger(maxKeys) || maxKeys < 0) {
    throw new AwsError(400, 'InvalidArgument', 'Provided max-keys not an integer or within integer range')
  }
  const encoding = query.get('encoding-type') ?? undefined
  const encode = (text: string | undefined) => (encoding === 'url' && text !== undefined ? encodeKey(text) : text)
  const after = token === undefined ? (marker ?? '') : Buffer.from(token, 'base64url').toString()
  const empty = { objects: [], commonPrefixes: [], next: undefined }
  s3.bucket(bucket)
  const page = maxKeys === 0 ? empty : s3.list(bucket, { prefix, delimiter, after, maxKeys: Math.min(maxKeys, 1000) })
  const place =
    version === 1
      ? [element('Marker', encode(marker) ?? ''), element('NextMarker', encode(page.next))]
      : [
          element('StartAfter', encode(marker)),
          element('ContinuationToken', token),
          element('KeyCount', page.objects.length + page.commonPrefixes.length),
          element(
            'NextContinuationToken',
            page.next === undefined ? undefined : Buffer.from(page.next).toString('base64url'),
          ),
        ]
  return [
    `<ListBucketResult ${S3_NAMESPACE}>`,
    element('Name', bucket),
    element('Prefix', encode(prefix)),
    delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
    element('MaxKeys', maxKeys),
    element('EncodingType', encoding),
    ...place,
    element('IsTruncated', page.next !== undefined),
    ...page.objects.map((object) => contents(object, encode(object.key))),
    ...page.commonPrefixes.map((group) => `<CommonPrefixes>${element('Prefix', encode(group))}</CommonPrefixes>`),
    '</ListBucketResult>',
  ].join('')
}

function contents({ etag, body, lastModified }: StoredObject, key: string | undefined): string {
  const size = element('Size', body.length)
  return `<Contents>${element('Key', key)}${date('LastModified', lastModified)}${element('ETag', etag)}${size}<StorageClass>STANDARD</StorageClass></Contents>`
}

const encodeKey = (key: string) => encodeURIComponent(key).replaceAll('%2F', '/')

const date = (name: string, ms: number) => element(name, new Date(ms).toISOString())

const malformed = () =>
  new AwsError(
    400,
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  )
