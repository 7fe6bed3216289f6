import type { ObjectStore } from '../../../shared/cloud/ports.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { AwsError } from '../awsError.ts'
import { shouldSend } from '../s3/conditions.ts'
import type { S3 } from '../s3/s3.ts'
import { refusal } from './failure.ts'

const LONGEST_PAGE = 1000

/**
 * A bucket of the S3 in this very process, without a socket in between. What is got is what the bucket holds, not a copy: it must not be
 * written to. What is put is copied, as a socket would.
 */
export function directStore(s3: S3, bucket: string): ObjectStore {
  return {
    async get(key, { ifNoneMatch, signal } = {}) {
      try {
        signal?.throwIfAborted()
        const object = s3.get(bucket, key)
        if (!shouldSend(object, { ifNoneMatch })) return { kind: 'notModified' }
        const { buffer, byteOffset, byteLength } = object.body
        return { kind: 'found', body: new Uint8Array(buffer, byteOffset, byteLength), etag: object.etag }
      } catch (cause) {
        if (cause instanceof AwsError && cause.code === 'NoSuchKey') return { kind: 'absent' }
        throw refusal('E_STORE', `cannot read ${key}`, cause)
      }
    },

    async put(key, body, { ifAbsent, ifMatch } = {}) {
      const conditional = ifAbsent || ifMatch !== undefined
      const conditions = { ifMatch, ifNoneMatch: ifAbsent ? '*' : undefined }
      try {
        return s3.put(bucket, key, new Uint8Array(body), conditional ? { conditions } : {}).etag
      } catch (cause) {
        const lost = cause instanceof AwsError && (cause.status === 412 || cause.code === 'NoSuchKey')
        if (!lost) throw refusal('E_STORE', `cannot write ${key}`, cause)
        const why = ifAbsent ? 'an object is there already' : `it does not have ETag ${ifMatch}`
        throw new MillraceError('E_STORE_PRECONDITION', `did not write ${key}: ${why}`, { key }, { cause })
      }
    },

    async list(prefix) {
      const keys: string[] = []
      try {
        for (let after: string | undefined = ''; after !== undefined;) {
          const page = s3.list(bucket, { prefix, after, maxKeys: LONGEST_PAGE })
          for (const { key } of page.objects) keys.push(key)
          after = page.next
        }
      } catch (cause) {
        throw refusal('E_STORE', `cannot list ${prefix}`, cause)
      }
      return keys
    },

    async delete(keys) {
      try {
        for (const key of keys) s3.delete(bucket, key)
      } catch (cause) {
        throw refusal('E_STORE', `cannot delete ${keys.length} objects`, cause)
      }
    },
  }
}
