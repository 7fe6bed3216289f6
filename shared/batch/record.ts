import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MillraceError, isMillraceError } from '../errors.ts'
import { decodeBatch } from './safetensors.ts'
import { isSealed, openSealed, sealBatch } from './sealed.ts'
import type { Provenance, SampleBatch } from './sampleBatch.ts'

const SUFFIX = '.safetensors'

/** Where a fragment is recorded below a folder: `<shard>/<lease>-<sequence>.safetensors`, in order when sorted. */
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
    await mkdir(dirname(path), { recursive: true })
    await writeFile(partial, sealBatch(batch))
    await rename(partial, path)
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => {}) // the first failure is the one to report
    if (isMillraceError(cause)) throw cause
    throw new MillraceError('E_DISK', `could not record a fragment as ${path}: ${reason(cause)}`, { path }, { cause })
  }
  return path
}

export interface ReadOptions {
  /** `required` (the default): a file without a digest is refused. `ifThere`: it is taken, for files that another program wrote. */
  readonly digest?: 'required' | 'ifThere'
}

/**
 * Reads a recorded fragment back.
 *
 * @throws MillraceError E_DISK when the file cannot be read, E_BATCH_FORMAT when it is not a sample batch, E_BATCH_HASH when it was
 *   damaged since it was written, or carries no digest
 */
export async function readRecorded(path: string, { digest = 'required' }: ReadOptions = {}): Promise<SampleBatch> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    throw new MillraceError('E_DISK', `could not read ${path}: ${reason(cause)}`, { path }, { cause })
  }
  if (digest === 'ifThere') {
    const batch = decodeBatch(bytes)
    if (!isSealed(batch)) return batch
  }
  try {
    return openSealed(bytes)
  } catch (cause) {
    if (!isMillraceError(cause, 'E_BATCH_HASH')) throw cause
    const hint = digest === 'required' ? "; { digest: 'ifThere' } takes what another program wrote" : ''
    throw new MillraceError('E_BATCH_HASH', `${path} cannot be used: ${cause.message}${hint}`, { path }, { cause })
  }
}

/** Paths of all recorded fragments below a folder, sorted. @throws MillraceError E_DISK */
export async function listRecorded(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder, { recursive: true })
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .sort()
      .map((name) => join(folder, name))
  } catch (cause) {
    throw new MillraceError('E_DISK', `could not list ${folder}: ${reason(cause)}`, { path: folder }, { cause })
  }
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
