import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PolicyRecord, RUN_FILES, type ResultSource, resultFiles, type Versions } from '../../learner/runFiles.ts'
import { MillraceError } from '../../shared/errors.ts'
import { parseJson, whyNoJson } from '../../shared/protocol/parseJson.ts'
import { packageManifest } from '../load/libraryEntries.ts'
import { diskError } from './disk.ts'
import type { RunFolder } from './runFolder.ts'

export { configRecord, PolicyRecord, type Versions } from '../../learner/runFiles.ts'

export function installedVersions(): Versions {
  return {
    millrace: packageManifest().version,
    node: process.versions.node,
    onnxruntime: dependencyVersion('onnxruntime-node'),
  }
}

function dependencyVersion(name: string): string {
  try {
    const file = createRequire(import.meta.url).resolve(`${name}/package.json`)
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
  } catch {
    return 'unknown' // a package may hide its package.json; that is no reason not to train
  }
}

/**
 * Writes what a run came to.
 *
 * @throws MillraceError E_DISK
 */
export async function writeResult(
  folder: RunFolder,
  result: Pick<ResultSource, 'summary' | 'policy' | 'spec'>,
  of: Pick<ResultSource, 'env' | 'experiment' | 'ownEnv'>,
): Promise<void> {
  for (const [name, body] of resultFiles({ ...result, ...of })) await folder.write(name, body)
}

/**
 * The policy of a run folder.
 *
 * @throws MillraceError E_DISK when the folder has none, or its files do not belong together
 */
export function readPolicy(folder: string): { readonly record: PolicyRecord; readonly model: Uint8Array } {
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name))
    } catch (error) {
      throw diskError(error, 'read', join(folder, name))
    }
  }
  const broken = (why: string) => new MillraceError('E_DISK', `${join(folder, RUN_FILES.policySpec)} ${why}`)
  const text = read(RUN_FILES.policySpec).toString('utf8')
  let data: unknown
  try {
    data = parseJson(text)
  } catch (cause) {
    throw broken(whyNoJson(cause))
  }
  const parsed = PolicyRecord.safeParse(data)
  if (!parsed.success) throw broken('is not the description of a policy')
  const model = read(RUN_FILES.policy)
  if (createHash('sha256').update(model).digest('hex') !== parsed.data.sha256)
    throw broken(`is not about the ${RUN_FILES.policy} beside it`)
  return { record: parsed.data, model }
}
