import { createHash, randomUUID } from 'node:crypto'
import { AwsError } from '../awsError.ts'
import type { S3 } from './s3.ts'
import type { StoredObject } from './bucket.ts'
import type { Conditions } from './conditions.ts'

export interface Part {
  readonly number: number
  readonly body: Uint8Array
  /** Hex MD5. */
  readonly md5: string
}

interface Upload {
  readonly bucket: string
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly parts: Map<number, Part>
}

const MIN_PART_BYTES = 5 * 1024 * 1024

/** Uploads in parts. They live in memory only: an upload that was not completed is gone with the process. */
export class Multipart {
  private readonly s3: S3
  private readonly uploads = new Map<string, Upload>()

  constructor(s3: S3) {
    this.s3 = s3
  }

  /** @returns the upload id @throws AwsError NoSuchBucket */
  create(bucket: string, key: string, headers: Readonly<Record<string, string>>): string {
    this.s3.bucket(bucket)
    const id = randomUUID()
    this.uploads.set(id, { bucket, key, headers, parts: new Map() })
    return id
  }

  /** @returns the part's quoted ETag @throws AwsError NoSuchUpload, InvalidArgument */
  putPart(uploadId: string, number: number, body: Uint8Array): string {
    const upload = this.upload(uploadId)
    if (!Number.isInteger(number) || number < 1 || number > 10_000) {
      throw new AwsError(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
    }
    const md5 = createHash('md5').update(body).digest('hex')
    upload.parts.set(number, { number, body, md5 })
    return `"${md5}"`
  }

  /** Parts so far, in order. */
  parts(uploadId: string): readonly Part[] {
    return [...this.upload(uploadId).parts.values()].sort((a, b) => a.number - b.number)
  }

  /**
   * Joins the named parts. The ETag is the MD5 of their MD5s with their number behind, as S3 has it.
   * @throws AwsError NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall, PreconditionFailed
   */
  complete(
    uploadId: string,
    wanted: readonly { number: number; etag: string }[],
    conditions: Conditions,
  ): StoredObject {
    const upload = this.upload(uploadId)
    if (wanted.length === 0) throw new AwsError(400, 'MalformedXML', 'The XML you provided was not well-formed')
    const parts = wanted.map(({ number, etag }, at) => {
      if (at > 0 && number <= (wanted[at - 1]?.number ?? 0)) {
        throw new AwsError(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.')
      }
      const part = upload.parts.get(number)
      if (part === undefined || part.md5 !== etag.replaceAll('"', '')) {
        throw new AwsError(400, 'InvalidPart', 'One or more of the specified parts could not be found.')
      }
      return part
    })
    if (parts.some((part, at) => at < parts.length - 1 && part.body.length < MIN_PART_BYTES)) {
      throw new AwsError(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size')
    }
    const digests = Buffer.concat(parts.map((part) => Buffer.from(part.md5, 'hex')))
    const etag = `"${createHash('md5').update(digests).digest('hex')}-${parts.length}"`
    const body = Buffer.concat(parts.map((part) => part.body))
    const object = this.s3.put(upload.bucket, upload.key, body, { headers: upload.headers, conditions, etag })
    this.uploads.delete(uploadId)
    return object
  }

  /** @throws AwsError NoSuchUpload */
  abort(uploadId: string): void {
    this.upload(uploadId)
    this.uploads.delete(uploadId)
  }

  private upload(uploadId: string): Upload {
    const upload = this.uploads.get(uploadId)
    if (upload === undefined) throw new AwsError(404, 'NoSuchUpload', 'The specified multipart upload does not exist.')
    return upload
  }
}
