import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { Readable } from 'node:stream'
import { MillraceError } from '../errors.ts'
import { signalOptions, withSignal } from './abort.ts'
import { asMillraceError, awsFailure, type AwsFailure } from './awsFailure.ts'
import { systemClock } from './clock.ts'
import { BROKEN_OFF } from './mayPass.ts'
import type { ObjectStore, ReadResult, WriteCondition } from './ports.ts'

/** How often a write is tried that lost a race inside S3 (409), which the SDK does not retry by itself. */
const CONFLICT_ATTEMPTS = 6
const CONFLICT_BACKOFF_MS = 20
const BODY_ATTEMPTS = 3
/** No object of Millrace's is nearly as large; what another writer put there must not take the reader's memory. */
const MAX_OBJECT_BYTES = 2 * 1024 ** 3

/** An ObjectStore on S3, or on anything that speaks its protocol. */
export function s3ObjectStore(client: S3Client, bucket: string): ObjectStore {
  async function get(key: string, options: { ifNoneMatch?: string; signal?: AbortSignal } = {}): Promise<ReadResult> {
    const { ifNoneMatch, signal } = options
    const input = { Bucket: bucket, Key: key, ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }) }
    for (let attempt = 1; ; attempt++) {
      let output: GetObjectCommandOutput | undefined
      try {
        signal?.throwIfAborted()
        output = await client.send(new GetObjectCommand(withSignal(input, signal)), signalOptions(client, signal))
        const body = await collect(output.Body, output.ContentLength ?? 0)
        return { kind: 'found', body, etag: output.ETag ?? '' }
      } catch (cause) {
        const failure = awsFailure(cause)
        if (failure.status === 304) return { kind: 'notModified' }
        if (failure.status === 404 && failure.name !== 'NoSuchBucket') return { kind: 'absent' }
        const brokeOff = output !== undefined && !signal?.aborted
        if (!brokeOff || attempt === BODY_ATTEMPTS) throw asMillraceError('E_STORE', `cannot read ${key}`, failure)
      }
    }
  }

  async function put(key: string, body: Uint8Array, condition: WriteCondition = {}): Promise<string> {
    const input = {
      Bucket: bucket,
      Key: key,
      Body: body,
      ...(condition.ifAbsent && { IfNoneMatch: '*' }),
      ...(condition.ifMatch !== undefined && { IfMatch: condition.ifMatch }),
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return (await client.send(new PutObjectCommand(input))).ETag ?? ''
      } catch (cause) {
        const failure = awsFailure(cause)
        if (failure.status === 409 && attempt < CONFLICT_ATTEMPTS) {
          await systemClock.sleep(Math.random() * CONFLICT_BACKOFF_MS * 2 ** attempt)
          continue
        }
        const lost =
          failure.status === 412 ||
          (failure.status === 404 && condition.ifMatch !== undefined && failure.name === 'NoSuchKey')
        if (!lost) throw asMillraceError('E_STORE', `cannot write ${key}`, failure)
        return (await ownEarlierWrite(key, body, failure)) ?? refused(key, condition, failure)
      }
    }
  }

  /**
   * A conditional write that the SDK repeated (after a 5xx or a broken connection) may have lost against itself: its first attempt
   * was stored and only the answer was not. Then what is there are our own bytes.
   */
  async function ownEarlierWrite(key: string, body: Uint8Array, failure: AwsFailure): Promise<string | undefined> {
    if (failure.attempts < 2) return undefined
    const found = await get(key)
    return found.kind === 'found' && Buffer.compare(found.body, body) === 0 ? found.etag : undefined
  }

  return {
    get,
    put,
    async list(prefix) {
      const keys: string[] = []
      let token: string | undefined
      do {
        const input = { Bucket: bucket, Prefix: prefix, ...(token !== undefined && { ContinuationToken: token }) }
        const page = await attempt(`cannot list ${prefix}`, client.send(new ListObjectsV2Command(input)))
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key)
        token = page.NextContinuationToken
      } while (token !== undefined)
      return keys
    },
    async delete(keys) {
      if (keys.length === 1) {
        await attempt(
          `cannot delete ${keys[0]}`,
          client.send(new DeleteObjectCommand({ Bucket: bucket, Key: keys[0] })),
        )
        return
      }
      for (let start = 0; start < keys.length; start += 1000) {
        const Objects = keys.slice(start, start + 1000).map((Key) => ({ Key }))
        const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } })
        const { Errors = [] } = await attempt(`cannot delete ${keys.length} objects`, client.send(command))
        const [first] = Errors
        if (first)
          throw new MillraceError(
            'E_STORE',
            `${Errors.length} objects were not deleted, ${first.Key} first: ${first.Message}`,
          )
      }
    },
  }
}

async function attempt<T>(doing: string, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (cause) {
    throw asMillraceError('E_STORE', doing, awsFailure(cause))
  }
}

function refused(key: string, condition: WriteCondition, failure: AwsFailure): never {
  const why = condition.ifAbsent ? 'an object is there already' : `it does not have ETag ${condition.ifMatch}`
  throw new MillraceError('E_STORE_PRECONDITION', `did not write ${key}: ${why}`, { key }, { cause: failure.cause })
}

/** Reads a body into one buffer of the announced length; the SDK's own way copies it twice. */
function collect(body: GetObjectCommandOutput['Body'], length: number): Promise<Uint8Array> {
  if (!(body instanceof Readable)) return body?.transformToByteArray() ?? Promise.resolve(new Uint8Array())
  if (length > MAX_OBJECT_BYTES) {
    body.destroy()
    return Promise.reject(new Error(`the object has ${length} bytes, and ${MAX_OBJECT_BYTES} are read at most`))
  }
  return new Promise((resolve, reject) => {
    const whole = new Uint8Array(length)
    let filled = 0
    body.on('data', (chunk: Uint8Array) => {
      if (filled + chunk.length <= length) whole.set(chunk, filled)
      filled += chunk.length
    })
    body.on('end', () => {
      if (filled === length) resolve(whole)
      else
        reject(Object.assign(new Error(`the body has ${filled} bytes, ${length} were announced`), { name: BROKEN_OFF }))
    })
    body.on('error', reject)
  })
}
