import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { diskReason } from '../diskReason.ts'
import { MillraceError, isMillraceError } from '../errors.ts'
import { decodeBatch } from './safetensors.ts'
import { isSealed, openSealed, sealBatch } from './sealed.ts'
import type { Provenance, SampleBatch } from './sampleBatch.ts'
import { makeFolder } from '../makeFolder.ts'

const SUFFIX = '.safetensors'

/** Where a fragment is recorded below a folder: `<shard>/<lease>-<sequence>.safetensors`. */
export function recordPath({ shard, lease, sequence }: Provenance): string {
  return join(String(shard), `${encodeURIComponent(lease)}-${String(sequence).padStart(9, '0')}${SUFFIX}`)
}

/**
 * Writes a fragment as a file of its own, uncompressed, with its digest among its notes; whoever looks sees the whole file or none.
 *
 * @returns the file's path
 * @throws MillraceError E_DISK
 */
export async function recordFragment(folder: string, batch: SampleBatch): Promise<string> {
  const path = join(folder, recordPath(batch.provenance))
  const partial = `${path}.partial`
  try {
    await makeFolder(dirname(path))
    await writeFile(partial, sealBatch(batch))
    await rename(partial, path)
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => {}) // the first failure is the one to report
    if (isMillraceError(cause)) throw cause
    throw new MillraceError(
      'E_DISK',
      `could not record a fragment as ${path}: ${diskReason(cause)}`,
      { path },
      { cause },
    )
  }
  return path
}

export interface ReadOptions {
  /** `ifThere` (the default): a file without a digest is taken, since other programs write such files. `required`: it is refused. */
  readonly digest?: 'required' | 'ifThere'
}

/**
 * Reads a recorded fragment back.
 *
 * @throws MillraceError E_DISK when the file cannot be read, E_BATCH_FORMAT when it is not a sample batch, E_BATCH_HASH when it was
 *   damaged since it was written, or carries no digest where one is required
 */
export async function readRecorded(path: string, { digest = 'ifThere' }: ReadOptions = {}): Promise<SampleBatch> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    throw new MillraceError('E_DISK', `could not read ${path}: ${diskReason(cause)}`, { path }, { cause })
  }
  if (digest === 'ifThere') {
    const batch = decodeBatch(bytes)
    if (!isSealed(batch)) return batch
  }
  try {
    return openSealed(bytes)
  } catch (cause) {
    if (!isMillraceError(cause, 'E_BATCH_HASH')) throw cause
    throw new MillraceError('E_BATCH_HASH', `${path} cannot be used: ${cause.message}`, { path }, { cause })
  }
}

/**
 * Paths of all recorded fragments below a folder, by shard, lease and sequence number. Numbers in names count as numbers: lease 0-2
 * comes before 0-10.
 *
 * @throws MillraceError E_DISK
 */
export async function listRecorded(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder, { recursive: true })
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .sort(byNumbers)
      .map((name) => join(folder, name))
  } catch (cause) {
    throw new MillraceError('E_DISK', `could not list ${folder}: ${diskReason(cause)}`, { path: folder }, { cause })
  }
}

const inNames = new Intl.Collator('en', { numeric: true })

/** Folder by folder: a sequence of digits is one number, and no locale decides. */
function byNumbers(a: string, b: string): number {
  const [as, bs] = [a.split(sep), b.split(sep)]
  for (let i = 0; i < Math.min(as.length, bs.length); i++) {
    const order = inNames.compare(as[i] ?? '', bs[i] ?? '')
    if (order !== 0) return order
  }
  return as.length - bs.length || (a < b ? -1 : 1)
}
