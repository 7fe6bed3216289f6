import { encodeRecord } from '../../learner/stage/bucketRecords.ts'
import type { RunStatus } from '../../learner/stage/records.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { attemptName, keys } from '../../shared/protocol/keys.ts'
import { encodeManifest, parseManifest } from '../../shared/protocol/manifest.ts'
import { type Found, isOver, readStatus } from './runRecords.ts'

/** A learner rewrites the manifest many times a second, so a conditional write may fail a few times. */
const TRIES = 20

/**
 * Tells the functions of a run to stop, through the manifest that they poll, instead of the learner.
 *
 * @returns `told` now; `known` when they were told already; `none` when the run never had any
 * @throws MillraceError E_MANIFEST, and as the store does
 */
export async function stopFunctions(
  store: ObjectStore,
  { run, attempt }: Pick<RunStatus, 'run' | 'attempt'>,
): Promise<'told' | 'known' | 'none'> {
  const key = keys.manifest(attemptName(run, Math.max(1, attempt)))
  for (let tries = 1; ; tries++) {
    const read = await store.get(key)
    if (read.kind !== 'found') return 'none'
    const manifest = parseManifest(read.body)
    if (manifest.stop) return 'known'
    try {
      await store.put(key, encodeManifest({ ...manifest, stop: true }), { ifMatch: read.etag })
      return 'told'
    } catch (error) {
      if (!isMillraceError(error, 'E_STORE_PRECONDITION') || tries === TRIES) throw error
    }
  }
}

/**
 * Ends a run instead of its learner: sets its status and deletes its request, so that no learner starts or resumes it.
 *
 * @param only end it only in this state: a run that no learner has may be taken by one at this very moment
 * @returns the status it has now; not over when it was in another state than `only`
 */
export async function endRun(
  store: ObjectStore,
  run: string,
  { now, only }: { readonly now: number; readonly only?: RunStatus['state'] },
): Promise<RunStatus | undefined> {
  for (let tries = 1; ; tries++) {
    const found = await readStatus(store, run)
    if (found && only !== undefined && found.value.state !== only && !isOver(found.value)) return found.value
    try {
      const status = found && (await writeEnd(store, found, now))
      await store.delete([keys.request(run)])
      return status
    } catch (error) {
      if (!isMillraceError(error, 'E_STORE_PRECONDITION') || tries === TRIES) throw error
    }
  }
}

async function writeEnd(store: ObjectStore, { value, etag }: Found<RunStatus>, now: number): Promise<RunStatus> {
  if (isOver(value)) return value
  const { run, progress } = value
  const summary = progress && { run, reason: 'interrupted' as const, progress, curve: [], costByPart: {} }
  const ended: RunStatus = { ...value, state: 'ended', at: now, endedAt: now, ...(summary && { summary }) }
  await store.put(keys.status(run), encodeRecord(ended), { ifMatch: etag })
  return ended
}
