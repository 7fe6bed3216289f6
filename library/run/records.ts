import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { PolicyRecord, RUN_FILES, type ResultSource, resultFiles, type Versions } from '../../learner/run/files.ts'
import type { RunSummary } from '../../learner/run/observer.ts'
import type { TrainResult } from '../../learner/run/service.ts'
import { MillraceError } from '../../shared/errors.ts'
import { parseJson, whyNoJson } from '../../shared/protocol/parseJson.ts'
import { packageManifest } from '../load/libraryEntries.ts'
import { diskError, errorCode } from './disk.ts'
import type { RunFolder } from './runFolder.ts'

export { PolicyRecord, type Versions } from '../../learner/run/files.ts'

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
 * Writes the result of a run.
 *
 * @throws MillraceError E_DISK
 */
export async function writeResult(
  folder: RunFolder,
  result: Pick<ResultSource, 'summary' | 'policy' | 'spec'>,
  of: Pick<ResultSource, 'env' | 'experiment' | 'ownEnv' | 'attempt'>,
): Promise<void> {
  for (const [name, body] of resultFiles({ ...result, ...of })) await folder.write(name, body)
}

/**
 * Reads the result of a finished run from its folder.
 *
 * @param summary as its folder has it
 * @throws MillraceError E_RUN_FOLDER, E_DISK
 */
export function readResult(folder: string, summary: Omit<RunSummary, 'curve'>): TrainResult {
  const { record, model } = readPolicy(folder)
  let text = ''
  try {
    text = readFileSync(join(folder, RUN_FILES.curve), 'utf8')
  } catch {
    // the curve is optional, and the policy is there
  }
  const rows = text.split('\n').slice(1).filter(Boolean)
  const curve = rows.map((row): [number, number] => {
    const [steps = 0, mean = 0] = row.split(',').map(Number)
    return [steps, mean]
  })
  return { summary: { ...summary, curve }, policy: new Uint8Array(model), spec: record.spec }
}

/**
 * The policy of a run folder.
 *
 * @throws MillraceError E_RUN_FOLDER when the folder has none, or its files do not belong together; E_DISK
 */
export function readPolicy(folder: string): { readonly record: PolicyRecord; readonly model: Uint8Array } {
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') throw missing(folder, name)
      throw diskError(error, 'read', join(folder, name))
    }
  }
  const broken = (why: string) => new MillraceError('E_RUN_FOLDER', `${join(folder, RUN_FILES.policySpec)} ${why}`)
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

function missing(folder: string, name: string): MillraceError {
  const why = !existsSync(folder)
    ? `there is no run folder ${folder}`
    : existsSync(join(folder, RUN_FILES.config))
      ? `the run in ${folder} has no ${name} yet: it came to no checkpoint`
      : `${folder} is no run folder: it has no ${name}`
  return new MillraceError('E_RUN_FOLDER', why)
}
