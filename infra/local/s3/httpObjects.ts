import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { AwsError } from '../awsError.ts'
import { header, readBody, requestId } from '../http.ts'
import type { S3 } from './s3.ts'
import type { StoredObject } from './bucket.ts'
import { decodeAwsChunked, verifyChecksums, type Checksum } from './checksum.ts'
import { preconditionFailed, shouldSend, type Conditions } from './conditions.ts'
import { sendXml, type S3Operation } from './wire.ts'
import type { Multipart } from './multipart.ts'
import { type S3Call, decodeKey } from './route.ts'
import { element, elements, S3_NAMESPACE, textOf } from './xml.ts'

/** Operations on one object. */
export function objectOperations(s3: S3, multipart: Multipart) {
  const read = (call: S3Call, request: IncomingMessage, response: ServerResponse) => {
    request.resume()
    sendObject(s3.get(call.bucket, call.key), request, response)
  }
  return {
    GetObject: read,
    HeadObject: read,
    PutObject: async ({ bucket, key }, request, response) => {
      s3.bucket(bucket)
      const { body, checksum } = await readUpload(request)
      const options = { headers: storedHeaders(request.headers), conditions: conditionsOf(request.headers), checksum }
      const { etag } = s3.put(bucket, key, body, options)
      response
        .writeHead(200, { 'x-amz-request-id': requestId(), etag, ...checksumHeader(checksum), 'content-length': 0 })
        .end()
    },
    CopyObject: async ({ bucket, key }, request, response) => {
      await readBody(request)
      const source = copySource(s3, request.headers)
      const replace = header(request, 'x-amz-metadata-directive') === 'REPLACE'
      const headers = replace ? storedHeaders(request.headers) : source.headers
      const { checksum } = source
      const copy = s3.put(bucket, key, source.body, { headers, checksum, conditions: conditionsOf(request.headers) })
      const modified = element('LastModified', new Date(copy.lastModified).toISOString())
      sendXml(response, `<CopyObjectResult ${S3_NAMESPACE}>${modified}${element('ETag', copy.etag)}</CopyObjectResult>`)
    },
    CreateMultipartUpload: async ({ bucket, key }, request, response) => {
      await readBody(request)
      const id = multipart.create(bucket, key, storedHeaders(request.headers))
      sendXml(response, result('InitiateMultipartUploadResult', bucket, key, element('UploadId', id)))
    },
    UploadPart: async ({ query }, request, response) => {
      const { body, checksum } = await readUpload(request)
      const etag = multipart.putPart(query.get('uploadId') ?? '', Number(query.get('partNumber')), body)
      response
        .writeHead(200, { 'x-amz-request-id': requestId(), etag, ...checksumHeader(checksum), 'content-length': 0 })
        .end()
    },
    ListParts: ({ bucket, key, query }, request, response) => {
      request.resume()
      const id = query.get('uploadId') ?? ''
      const parts = multipart
        .parts(id)
        .map(
          ({ number, md5, body }) =>
            `<Part>${element('PartNumber', number)}${element('ETag', `"${md5}"`)}${element('Size', body.length)}</Part>`,
        )
      sendXml(
        response,
        result(
          'ListPartsResult',
          bucket,
          key,
          `${element('UploadId', id)}<IsTruncated>false</IsTruncated>${parts.join('')}`,
        ),
      )
    },
    CompleteMultipartUpload: async ({ bucket, key, query }, request, response) => {
      const xml = (await readBody(request)).toString('utf8')
      const parts = elements(xml, 'Part').map((part) => ({
        number: Number(textOf(part, 'PartNumber')),
        etag: textOf(part, 'ETag') ?? '',
      }))
      const { etag } = multipart.complete(query.get('uploadId') ?? '', parts, conditionsOf(request.headers))
      sendXml(response, result('CompleteMultipartUploadResult', bucket, key, element('ETag', etag)))
    },
    AbortMultipartUpload: ({ query }, request, response) => {
      request.resume()
      multipart.abort(query.get('uploadId') ?? '')
      response.writeHead(204, { 'x-amz-request-id': requestId() }).end()
    },
  } satisfies Record<string, S3Operation>
}

/** Answers GET and HEAD: the object, a range of it, or 304. */
function sendObject(object: StoredObject, request: IncomingMessage, response: ServerResponse): void {
  if (!shouldSend(object, conditionsOf(request.headers))) {
    response.writeHead(304, { 'x-amz-request-id': requestId(), etag: object.etag }).end()
    return
  }
  const range = request.headers.range === undefined ? undefined : rangeOf(request.headers.range, object.body.length)
  const headers: OutgoingHttpHeaders = {
    'x-amz-request-id': requestId(),
    ...object.headers,
    etag: object.etag,
    'last-modified': new Date(object.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
    'content-length': range === undefined ? object.body.length : range.end - range.start,
  }
  if (range !== undefined) headers['content-range'] = `bytes ${range.start}-${range.end - 1}/${object.body.length}`
  else if (request.headers['x-amz-checksum-mode'] === 'ENABLED') Object.assign(headers, checksumHeader(object.checksum))
  response.writeHead(range === undefined ? 200 : 206, headers)
  if (request.method === 'HEAD') response.end()
  else response.end(range === undefined ? object.body : object.body.subarray(range.start, range.end))
}

/**
 * The half-open byte range of `bytes=a-b`, `bytes=a-` or `bytes=-n`; undefined (the whole) for what is not one range.
 * @throws AwsError InvalidRange
 */
function rangeOf(text: string, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(text)
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? '']
  if (first === '' && last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  if (start >= size || (first === '' && last === '0'))
    throw new AwsError(416, 'InvalidRange', 'The requested range is not satisfiable')
  return start < end ? { start, end } : undefined
}

/** Of one write: objects are in memory here, and S3's own 5 GB would be all of it. */
export const MAX_OBJECT_BYTES = 1024 * 1024 * 1024

/** The body of an upload, out of its aws-chunked wrapping if it has one, with its checksums verified. */
async function readUpload(request: IncomingMessage): Promise<{ body: Buffer; checksum: Checksum | undefined }> {
  const raw = await readBody(request, MAX_OBJECT_BYTES)
  const announced = header(request, 'x-amz-decoded-content-length')
  const chunked = announced !== undefined && header(request, 'x-amz-content-sha256')?.startsWith('STREAMING-')
  if (!chunked) return { body: raw, checksum: verifyChecksums(raw, request.headers) }
  const { body, trailer } = decodeAwsChunked(raw, Number(announced))
  return { body, checksum: verifyChecksums(body, { ...request.headers, ...trailer }) }
}

const KEPT = ['content-type', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires']

/** The headers of a write that a read gives back. `aws-chunked` is how the body came, not what it is. */
function storedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = { 'content-type': 'application/octet-stream' }
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === 'string' && (name.startsWith('x-amz-meta-') || KEPT.includes(name))) kept[name] = value
  }
  const encoding = kept['content-encoding']?.replace(/aws-chunked,?\s*/, '')
  if (encoding === '') delete kept['content-encoding']
  else if (encoding !== undefined) kept['content-encoding'] = encoding
  return kept
}

function conditionsOf(headers: IncomingHttpHeaders): Conditions {
  return {
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifUnmodifiedSince: headers['if-unmodified-since'],
  }
}

function copySource(s3: S3, headers: IncomingHttpHeaders): StoredObject {
  const [bucket = '', ...key] = decodeKey(String(headers['x-amz-copy-source'])).replace(/^\//, '').split('/')
  const source = s3.get(bucket, key.join('/'))
  const ifMatch = headers['x-amz-copy-source-if-match']
  const ifNoneMatch = headers['x-amz-copy-source-if-none-match']
  const conditions = { ifMatch: ifMatch?.toString(), ifNoneMatch: ifNoneMatch?.toString() }
  if (!shouldSend(source, conditions)) throw preconditionFailed('x-amz-copy-source-If-None-Match')
  return source
}

const checksumHeader = (checksum: Checksum | undefined): Record<string, string> =>
  checksum === undefined ? {} : { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value }

const result = (name: string, bucket: string, key: string, inside: string) =>
  `<${name} ${S3_NAMESPACE}>${element('Bucket', bucket)}${element('Key', key)}${inside}</${name}>`
