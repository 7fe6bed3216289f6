import type { IncomingMessage } from 'node:http'
import { AwsError } from '../awsError.ts'

/** A request as S3 names it. Bucket and key are '' where the request has none. */
export interface S3Call {
  readonly operation: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
}

/** What the SDK appends to say which operation it means; nothing a server needs, so the common requests skip the parser. */
const ONLY_OPERATION = /^x-id=\w+$/
const NO_QUERY = new URLSearchParams()

/**
 * Reads operation, bucket and key from the request line, path-style (`/bucket/key`) or virtual-hosted (`bucket.localhost`).
 * The raw path is read, not a URL: a key may hold `..` and `//`, which a URL would resolve.
 * @throws AwsError InvalidURI, MethodNotAllowed, NotImplemented
 */
export function routeS3(request: IncomingMessage): S3Call {
  const target = request.url ?? '/'
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const search = mark < 0 ? '' : target.slice(mark + 1)
  const query = search === '' || ONLY_OPERATION.test(search) ? NO_QUERY : new URLSearchParams(search)
  const hosted = bucketOfHost(request.headers.host ?? '')
  const slash = hosted === '' ? path.indexOf('/', 1) : 0
  const bucket = hosted === '' ? decodeKey(slash < 0 ? path.slice(1) : path.slice(1, slash)) : hosted
  const key = slash < 0 ? '' : decodeKey(path.slice(slash + 1))
  return { operation: operationOf(request, bucket, key, query), bucket, key, query }
}

/** `bucket` of `bucket.localhost:port` and `bucket.s3.…localhost:port`; '' for a plain host. */
function bucketOfHost(host: string): string {
  const end = host.indexOf('.localhost')
  if (end < 0) return ''
  const name = host.slice(0, end)
  const s3 = name.search(/(^|\.)s3(\.|$)/)
  return s3 < 0 ? name : name.slice(0, s3)
}

/** What is percent-encoded in a path or a header, in clear. @throws AwsError InvalidURI */
export function decodeKey(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw new AwsError(400, 'InvalidURI', "Couldn't parse the specified URI.")
  }
}

function operationOf(request: IncomingMessage, bucket: string, key: string, query: URLSearchParams): string {
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object'
  const method = request.method ?? ''
  const name = ROUTES[level]?.[method]?.(query, request)
  if (name !== undefined) return name
  if (ROUTES[level]?.[method] !== undefined) {
    throw new AwsError(
      501,
      'NotImplemented',
      `The emulated S3 does not know ${method} with ?${query.toString()} (${level}).`,
    )
  }
  throw new AwsError(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.')
}

type Rule = (query: URLSearchParams, request: IncomingMessage) => string | undefined

/** Sub-resources (`?acl`, `?versioning` …) that no rule names are refused rather than taken for a plain request. */
const plain = (query: URLSearchParams) => query.size === 0 || (query.size === 1 && query.has('x-id'))

const LISTING = ['prefix', 'delimiter', 'marker', 'max-keys', 'encoding-type', 'x-id']

const ROUTES: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  service: {
    GET: (query) => (plain(query) ? 'ListBuckets' : undefined),
  },
  bucket: {
    PUT: (query) =>
      query.has('publicAccessBlock') ? 'PutPublicAccessBlock' : plain(query) ? 'CreateBucket' : undefined,
    HEAD: (query) => (plain(query) ? 'HeadBucket' : undefined),
    DELETE: (query) =>
      query.has('publicAccessBlock') ? 'DeletePublicAccessBlock' : plain(query) ? 'DeleteBucket' : undefined,
    GET: (query) => {
      if (query.get('list-type') === '2') return 'ListObjectsV2'
      if (query.has('location')) return 'GetBucketLocation'
      if (query.has('publicAccessBlock')) return 'GetPublicAccessBlock'
      return [...query.keys()].every((name) => LISTING.includes(name)) ? 'ListObjects' : undefined
    },
    POST: (query) => (query.has('delete') ? 'DeleteObjects' : undefined),
  },
  object: {
    PUT: (query, request) => {
      const copies = request.headers['x-amz-copy-source'] !== undefined
      if (query.has('uploadId')) return copies ? undefined : 'UploadPart'
      if (!plain(query)) return undefined
      return copies ? 'CopyObject' : 'PutObject'
    },
    GET: (query) => (query.has('uploadId') ? 'ListParts' : readable(query) ? 'GetObject' : undefined),
    HEAD: (query) => (readable(query) ? 'HeadObject' : undefined),
    DELETE: (query) => (query.has('uploadId') ? 'AbortMultipartUpload' : plain(query) ? 'DeleteObject' : undefined),
    POST: (query) => {
      if (query.has('uploads')) return 'CreateMultipartUpload'
      return query.has('uploadId') ? 'CompleteMultipartUpload' : undefined
    },
  },
}

/** `response-content-type` and its like change headers only, which nothing of ours uses, but presigned links carry them. */
const readable = (query: URLSearchParams) =>
  plain(query) ||
  [...query.keys()].every((name) => name === 'x-id' || name.startsWith('response-') || name.startsWith('X-Amz-'))
