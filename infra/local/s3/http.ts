import { AwsError } from '../awsError.ts'
import type { Front } from '../front.ts'
import { requestId } from '../http.ts'
import type { S3 } from './s3.ts'
import { bucketOperations } from './httpBuckets.ts'
import { MAX_OBJECT_BYTES, objectOperations } from './httpObjects.ts'
import { Multipart } from './multipart.ts'
import { publicAccessOperations } from './publicAccess.ts'
import { routeS3, type S3Call } from './route.ts'
import type { S3Operation } from './wire.ts'
import { element, XML_HEAD } from './xml.ts'

/** S3's REST protocol in front of the core. */
export function s3Front(s3: S3): Front<S3Call> {
  const operations = new Map<string, S3Operation>(
    Object.entries({
      ...bucketOperations(s3),
      ...publicAccessOperations(s3),
      ...objectOperations(s3, new Multipart(s3)),
    }),
  )
  return {
    protocol: 's3',
    maxBodyBytes: MAX_OBJECT_BYTES,
    service: () => 's3',
    route: routeS3,
    resource: (call) => (call.key === '' ? call.bucket : `${call.bucket}/${call.key}`),
    serve(call, request, response) {
      const operation = operations.get(call.operation)
      if (operation === undefined)
        throw new AwsError(501, 'NotImplemented', `The emulated S3 does not know ${call.operation}.`)
      return operation(call, request, response)
    },
    refuse(error, request, response) {
      const id = requestId()
      const details = Object.entries(error.details).map(([name, text]) => element(name, text))
      const inside = [
        element('Code', error.code),
        element('Message', error.message),
        ...details,
        element('RequestId', id),
      ]
      const body = `${XML_HEAD}<Error>${inside.join('')}</Error>`
      const headers = { 'x-amz-request-id': id, 'content-type': 'application/xml' }
      if (request.method === 'HEAD') response.writeHead(error.status, headers).end()
      else response.writeHead(error.status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
    },
  }
}
