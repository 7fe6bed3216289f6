import { z } from 'zod'
import { readRecord } from '../../learner/stage/bucketRecords.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'

const Marker = z.object({ name: z.string(), at: z.number() })
/** The longest time of a doctor. An older marker was left by a doctor that was killed. */
const LONGEST_VISIT_MS = 60 * 60_000

/** Since when a doctor is at a stage, as text; undefined when none is. */
export async function doctorSince(store: ObjectStore, now: number): Promise<string | undefined> {
  const marker = await readRecord(store, keys.doctor, Marker)
  return marker && now - marker.at < LONGEST_VISIT_MS ? new Date(marker.at).toISOString() : undefined
}

export const FORGOTTEN = 'one that was killed is forgotten after an hour'
