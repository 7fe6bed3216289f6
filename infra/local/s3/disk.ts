import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { diskReason } from '../../../shared/diskReason.ts'
import { MillraceError, isMillraceError } from '../../../shared/errors.ts'
import { AwsError } from '../awsError.ts'
import type { Mirror, S3 } from './s3.ts'
import { Bucket, type StoredObject } from './bucket.ts'
import { makeFolder, makeFolderSync } from '../../../shared/makeFolder.ts'

/** Writes wait this long, so that an object overwritten or deleted meanwhile never costs a disk write. */
const DELAY_MS = 100
const TEMPORARY = '.tmp'

/**
 * Keeps a folder equal to what is in memory, behind the callers' backs: one folder a bucket, one file an object, which is a line
 * with a SHA-256 of all that follows and JSON (key, ETag, headers …), and then the body. A file appears whole or not at all (a temporary file, then a rename).
 *
 * @throws MillraceError E_DISK when the folder cannot be made
 */
export class DiskMirror implements Mirror {
  private readonly folder: string
  /** What is still to do, by path relative to the folder: an object to write, undefined for one to remove. The newest wins. */
  private readonly pending = new Map<string, { bucket: string; key: string; object: StoredObject | undefined }>()
  private readonly onDisk = new Set<string>()
  private readonly deletedBuckets = new Set<string>()
  private failure: MillraceError | undefined
  private timer: NodeJS.Timeout | undefined
  private flushing: Promise<void> = Promise.resolve()

  constructor(folder: string) {
    this.folder = folder
    guard(folder, () => makeFolderSync(folder))
  }

  /** Reads the folder back into memory. @throws MillraceError E_DISK */
  restore(s3: S3): void {
    guard(this.folder, () => {
      for (const entry of readdirSync(this.folder, { withFileTypes: true })) {
        if (!entry.isDirectory()) continue
        const bucket = new Bucket(entry.name, s3.clock.now())
        for (const file of readdirSync(join(this.folder, entry.name))) {
          const path = join(this.folder, entry.name, file)
          if (file.endsWith(TEMPORARY)) rmSync(path, { force: true })
          else if (file.endsWith('.object')) {
            const object = decode(readFileSync(path), path)
            bucket.set(object)
            this.onDisk.add(`${bucket.name}/${object.key}`)
          }
        }
        s3.restore(bucket)
      }
    })
  }

  bucket({ name }: Bucket): void {
    this.deletedBuckets.delete(name)
    const path = join(this.folder, name)
    if (!existsSync(path)) guard(path, () => makeFolderSync(path))
  }

  bucketDeleted(name: string): void {
    this.deletedBuckets.add(name)
    this.soon()
  }

  write(bucket: string, object: StoredObject): void {
    this.pending.set(`${bucket}/${object.key}`, { bucket, key: object.key, object })
    this.soon()
  }

  remove(bucket: string, key: string): void {
    const id = `${bucket}/${key}`
    this.pending.delete(id)
    if (!this.onDisk.has(id)) return
    this.pending.set(id, { bucket, key, object: undefined })
    this.soon()
  }

  /** @throws AwsError InternalError where the last write failed; it is tried again meanwhile */
  check(): void {
    if (this.failure === undefined) return
    this.soon()
    throw new AwsError(500, 'InternalError', this.failure.message)
  }

  /** @throws MillraceError E_DISK */
  async close(): Promise<void> {
    clearTimeout(this.timer)
    await this.flushing
    await this.flush()
    if (this.failure !== undefined) throw this.failure
  }

  private soon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.flushing = this.flushing.then(() => this.flush())
    }, DELAY_MS).unref()
  }

  private async flush(): Promise<void> {
    let path = this.folder
    try {
      for (let next = this.pending.entries().next(); !next.done; next = this.pending.entries().next()) {
        const [id, { bucket, key, object }] = next.value
        path = join(this.folder, bucket, fileName(key))
        if (object === undefined) {
          await rm(path, { force: true })
          this.onDisk.delete(id)
        } else {
          this.onDisk.add(id)
          await writeWhole(path, object)
        }
        if (this.pending.get(id)?.object === object) this.pending.delete(id)
      }
      for (const name of this.deletedBuckets) {
        path = join(this.folder, name)
        this.deletedBuckets.delete(name)
        await rm(path, { recursive: true, force: true })
      }
      this.failure = undefined
    } catch (cause) {
      this.failure = diskError(path, cause)
    }
  }
}

async function writeWhole(path: string, { body, ...head }: StoredObject): Promise<void> {
  await makeFolder(dirname(path))
  const temporary = path + TEMPORARY
  const file = await open(temporary, 'w')
  try {
    const line = `${JSON.stringify(head)}\n`
    await file.writeFile(`${digestOf(line, body)} ${line}`)
    await file.writeFile(body)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}

/** Hex letters of a SHA-256, and a space. */
const DIGEST_LETTERS = 65

const digestOf = (line: string, body: Uint8Array): string =>
  createHash('sha256').update(line).update(body).digest('hex')

/** @throws MillraceError E_DISK when the file is not what was written, or another version wrote it */
function decode(file: Buffer, path: string): StoredObject {
  const lineEnd = file.indexOf(0x0a)
  const line = file.toString('utf8', DIGEST_LETTERS, lineEnd + 1)
  const body = file.subarray(lineEnd + 1)
  if (lineEnd > DIGEST_LETTERS && file.toString('latin1', 0, DIGEST_LETTERS) === `${digestOf(line, body)} `) {
    const head = JSON.parse(line) as Omit<StoredObject, 'body'>
    if (basename(path) === fileName(head.key)) return { ...head, body }
  }
  throw new MillraceError(
    'E_DISK',
    `${path} is not what the emulated S3 wrote: it was damaged, or another version wrote it; delete it to go on without that object`,
    { path },
  )
}

/** A name that any file system takes, whatever the key (letter case, length, `..`), and that a person can still read. */
function fileName(key: string): string {
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 32)
  const tail = key
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '_')
    .slice(-80)
  return `${hash}-${tail}.object`
}

function guard(path: string, action: () => void): void {
  try {
    action()
  } catch (cause) {
    throw isMillraceError(cause) ? cause : diskError(path, cause)
  }
}

function diskError(path: string, cause: unknown): MillraceError {
  return new MillraceError(
    'E_DISK',
    `cannot keep the emulated S3 in ${path}: ${diskReason(cause)}`,
    { path },
    { cause },
  )
}
