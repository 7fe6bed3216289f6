import type { RunStatus } from '../../learner/stage/records.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import type { ReadResult } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'
import { keys } from '../../shared/protocol/keys.ts'

/**
 * What a read of one of a run's results gave, if it is what the learner wrote. A run of an older learner has no hashes, and is taken
 * as it is.
 *
 * @throws MillraceError E_RUN when it is not
 */
export function checkedResult(read: ReadResult, { run, files }: RunStatus, name: string): ReadResult {
  const promised = files && Object.hasOwn(files, name) ? files[name] : undefined
  if (promised === undefined || read.kind !== 'found') return read
  const found = sha256Hex(read.body)
  if (found === promised) return read
  throw new MillraceError(
    'E_RUN',
    `${name} of run '${run}' was damaged in the bucket: its SHA-256 is ${found}, its learner wrote ${promised}`,
    { run, key: keys.result(run, name) },
  )
}
