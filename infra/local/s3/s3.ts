import { createHash, randomBytes } from 'node:crypto'
import { systemClock } from '../../../shared/cloud/clock.ts'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { AwsError } from '../awsError.ts'
import type { ObjectFaults } from '../faults/faults.ts'
import { Bucket, type Listing, type ListOptions, type StoredObject } from './bucket.ts'
import type { Checksum } from './checksum.ts'
import { checkWrite, type Conditions } from './conditions.ts'

/** Where objects go beside memory. Calls return at once; what they say is on disk by the time `close` resolves. */
export interface Mirror {
  bucket(bucket: Bucket): void
  bucketDeleted(name: string): void
  write(bucket: string, object: StoredObject): void
  remove(bucket: string, key: string): void
  /** Throws where earlier writes could not be kept, so that a writer hears of a full disk. */
  check(): void
  close(): Promise<void>
}

export interface PutOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly conditions?: Conditions
  readonly checksum?: Checksum | undefined
  /** Quoted; given where it is not the MD5 of the body (multipart). */
  readonly etag?: string
}

export interface S3Options {
  readonly clock?: Clock
  readonly mirror?: Mirror
  readonly etags?: 'md5' | 'opaque'
  readonly faults?: ObjectFaults | undefined
}

const BUCKET_NAME = /^(?!xn--)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

/**
 * S3 in memory: buckets, objects, conditional writes. Every operation is one synchronous step, so writers that race are put in
 * an order and of ten conditional creators exactly one wins. Wire format, multipart and disk are in files beside.
 */
export class S3 {
  readonly clock: Clock
  private readonly buckets = new Map<string, Bucket>()
  private readonly mirror: Mirror | undefined
  private readonly opaqueEtags: string | undefined
  private readonly faults: ObjectFaults | undefined
  private puts = 0

  /**
   * @param options.etags 'md5' as plain S3 has it; 'opaque' gives every write an ETag of its own without reading the body
   *   (as S3 does with KMS keys), which saves 1.5 ms of CPU a megabyte
   */
  constructor(options: S3Options = {}) {
    this.faults = options.faults
    this.clock = options.clock ?? systemClock
    this.mirror = options.mirror
    this.opaqueEtags = options.etags === 'opaque' ? randomBytes(10).toString('hex') : undefined
  }

  /** @throws AwsError InvalidBucketName, BucketAlreadyOwnedByYou */
  createBucket(name: string): Bucket {
    if (!BUCKET_NAME.test(name)) throw new AwsError(400, 'InvalidBucketName', 'The specified bucket is not valid.')
    if (this.buckets.has(name)) {
      throw new AwsError(
        409,
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
      )
    }
    const bucket = new Bucket(name, this.clock.now())
    this.buckets.set(name, bucket)
    this.mirror?.bucket(bucket)
    return bucket
  }

  hasBucket(name: string): boolean {
    return this.buckets.has(name)
  }

  /** Takes up what a mirror kept. */
  restore(bucket: Bucket): void {
    this.buckets.set(bucket.name, bucket)
  }

  /** @throws AwsError NoSuchBucket */
  bucket(name: string): Bucket {
    const bucket = this.buckets.get(name)
    if (bucket === undefined)
      throw new AwsError(404, 'NoSuchBucket', 'The specified bucket does not exist', { BucketName: name })
    return bucket
  }

  listBuckets(): readonly Bucket[] {
    return [...this.buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** @throws AwsError NoSuchBucket, BucketNotEmpty */
  deleteBucket(name: string): void {
    if (this.bucket(name).size > 0)
      throw new AwsError(409, 'BucketNotEmpty', 'The bucket you tried to delete is not empty', { BucketName: name })
    this.buckets.delete(name)
    this.mirror?.bucketDeleted(name)
  }

  /**
   * Keeps `body` itself: it must not be written to afterwards.
   * @throws AwsError NoSuchBucket, PreconditionFailed, NoSuchKey, KeyTooLongError
   */
  put(bucketName: string, key: string, body: Uint8Array, options: PutOptions = {}): StoredObject {
    const bucket = this.bucket(bucketName)
    if (Buffer.byteLength(key) > 1024) throw new AwsError(400, 'KeyTooLongError', 'Your key is too long')
    if (options.conditions !== undefined) checkWrite(bucket.get(key), options.conditions)
    this.mirror?.check()
    const damaged = this.faults?.(bucketName, key, body)
    const object: StoredObject = {
      key,
      body: damaged ?? body,
      etag: options.etag ?? this.etagOf(body),
      lastModified: this.clock.now(),
      headers: options.headers ?? DEFAULT_HEADERS,
      checksum: damaged === undefined ? options.checksum : undefined,
    }
    bucket.set(object)
    this.mirror?.write(bucketName, object)
    return object
  }

  /** @throws AwsError NoSuchBucket, NoSuchKey */
  get(bucketName: string, key: string): StoredObject {
    const object = this.bucket(bucketName).get(key)
    if (object === undefined) throw new AwsError(404, 'NoSuchKey', 'The specified key does not exist.', { Key: key })
    return object
  }

  /**
   * Deletes what is there; a key that is not there is no error.
   * @throws AwsError NoSuchBucket; PreconditionFailed where `ifMatch` does not hold
   */
  delete(bucketName: string, key: string, conditions: Conditions = {}): void {
    const bucket = this.bucket(bucketName)
    const existing = bucket.get(key)
    if (conditions.ifMatch !== undefined && existing !== undefined)
      checkWrite(existing, { ifMatch: conditions.ifMatch })
    if (bucket.delete(key)) this.mirror?.remove(bucketName, key)
  }

  /** @throws AwsError NoSuchBucket */
  list(bucketName: string, options: ListOptions = {}): Listing {
    return this.bucket(bucketName).list(options)
  }

  /** Resolves when everything is on disk. @throws MillraceError E_DISK */
  async close(): Promise<void> {
    await this.mirror?.close()
  }

  private etagOf(body: Uint8Array): string {
    if (this.opaqueEtags === undefined) return `"${createHash('md5').update(body).digest('hex')}"`
    return `"${this.opaqueEtags}${(++this.puts).toString(16).padStart(12, '0')}"`
  }
}

const DEFAULT_HEADERS = { 'content-type': 'application/octet-stream' }
