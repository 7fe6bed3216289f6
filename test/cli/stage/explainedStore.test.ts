import { expect, test } from 'vitest'
import { explainedStore } from '../../../cli/stage/explainedStore.ts'
import { asMillraceError, awsFailure } from '../../../shared/cloud/awsFailure.ts'
import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'

/** A store that S3 answers as given. */
function refusing(name: string, message: string, status: number): ObjectStore {
  const thrown = Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } })
  const fail = async () => {
    throw asMillraceError('E_STORE', 'cannot read x', awsFailure(thrown))
  }
  return { get: fail, put: fail, list: fail, delete: fail }
}

const denied = 'User: arn:aws:iam::1:user/ada is not authorized to perform: s3:PutObject on resource: x'

test.each([
  ['AccessDenied', denied, 403, 'E_PERMISSION', /^cannot write k: the credentials lack s3:PutObject/],
  ['InvalidAccessKeyId', 'no such key', 403, 'E_CREDENTIALS', /^cannot write k: AWS does not accept the credentials/],
  ['ExpiredToken', 'expired', 400, 'E_CREDENTIALS', /log in again/],
  ['SlowDown', 'reduce your rate', 503, 'E_STORE', /^cannot read x: reduce your rate/],
])(
  '%s of S3 becomes a sentence that says what to do, under its own code',
  async (name, message, status, code, sentence) => {
    const store = explainedStore(refusing(name, message, status))
    await expect(store.put('k', new Uint8Array())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(sentence),
    })
  },
)

test('what is no refusal passes: answers, lost conditions, failures without a cause', async () => {
  const inner = memoryStore()
  const store = explainedStore(inner)
  const etag = await store.put('k', new Uint8Array([1]))
  expect(await store.get('k', { ifNoneMatch: etag })).toEqual({ kind: 'notModified' })
  expect(await store.list('')).toEqual(['k'])
  await expect(store.put('k', new Uint8Array(), { ifAbsent: true })).rejects.toMatchObject({
    code: 'E_STORE_PRECONDITION',
  })
  inner.failNext('delete')
  await expect(store.delete(['k'])).rejects.toBeInstanceOf(MillraceError)
})
