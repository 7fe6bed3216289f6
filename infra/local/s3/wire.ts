import type { IncomingMessage, ServerResponse } from 'node:http'
import { requestId } from '../http.ts'
import type { S3Call } from './route.ts'
import { XML_HEAD } from './xml.ts'

/** One operation on the wire. It answers by writing the response, or throws an AwsError. */
export type S3Operation = (call: S3Call, request: IncomingMessage, response: ServerResponse) => Promise<void> | void

/** Answers 200 with an XML document. */
export function sendXml(
  response: ServerResponse,
  inside: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = XML_HEAD + inside
  response.writeHead(200, {
    'x-amz-request-id': requestId(),
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}
