import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import {
  readAuthorization,
  readPresigned,
  sha256,
  signatureOf,
  timeOf,
} from '../../../../infra/local/door/signature.ts'

// The examples of AWS's own reference: "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const SCOPE = '20130524/us-east-1/s3/aws4_request'
const NOTHING = sha256('')

const requestOf = (method: string, url: string, headers: Record<string, string>) =>
  ({ method, url, headers: { host: 'examplebucket.s3.amazonaws.com', ...headers } }) as unknown as IncomingMessage

const authorization = (headers: string, signature: string) =>
  `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/${SCOPE},SignedHeaders=${headers},Signature=${signature}`

test.each([
  [
    'GET with a range',
    ['GET', '/test.txt', { range: 'bytes=0-9' }, NOTHING],
    'host;range;x-amz-content-sha256;x-amz-date',
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  [
    'PUT',
    [
      'PUT',
      '/test%24file.text',
      { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    ],
    'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  ],
  [
    'a query without a value',
    ['GET', '/?lifecycle', {}, NOTHING],
    'host;x-amz-content-sha256;x-amz-date',
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  ],
  [
    'a query out of order',
    ['GET', '/?prefix=J&max-keys=2', {}, NOTHING],
    'host;x-amz-content-sha256;x-amz-date',
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ],
] as const)('%s has the signature of AWS’s reference', (_, [method, url, headers, payloadHash], names, signature) => {
  const time = { 'x-amz-date': '20130524T000000Z', 'x-amz-content-sha256': payloadHash }
  const request = requestOf(method, url, { ...headers, ...time })
  const signed = readAuthorization(authorization(names, signature), request)
  if (signed === undefined) throw new Error('it could not be read')
  expect(timeOf(signed)).toBe(Date.UTC(2013, 4, 24))
  expect(signatureOf(request, signed, { secret: SECRET, payloadHash })).toBe(signature)
})

test('so does a presigned URL', () => {
  const query = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F${SCOPE.replaceAll('/', '%2F')}`,
    'X-Amz-Date=20130524T000000Z',
    'X-Amz-Expires=86400',
    'X-Amz-SignedHeaders=host',
    'X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  ].join('&')
  const signed = readPresigned(new URLSearchParams(query))
  if (signed === undefined) throw new Error('it could not be read')
  const request = requestOf('GET', `/test.txt?${query}`, {})
  expect(signatureOf(request, signed, { secret: SECRET, payloadHash: 'UNSIGNED-PAYLOAD' })).toBe(signed.signature)
})

test.each([
  [
    'another algorithm',
    `AWS4-ECDSA-P256-SHA256 Credential=A/${SCOPE}, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
  ],
  ['a scope of another day', authorization('host', '0'.repeat(64)).replace('20130524', '20130525')],
  ['a host that is not signed', authorization('x-amz-date', '0'.repeat(64))],
  ['half a signature', authorization('host', '0'.repeat(32))],
  ['nothing', 'AWS4-HMAC-SHA256 '],
])('%s is no signature', (_, text) => {
  expect(readAuthorization(text, requestOf('GET', '/', { 'x-amz-date': '20130524T000000Z' }))).toBeUndefined()
})
