import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { livingLearner } from './runRecords.ts'
import { requestedRuns } from './runs.ts'

/** The unfinished runs of a stage: waiting, or with its learner. */
export async function aliveRuns(store: ObjectStore, now: number): Promise<readonly string[]> {
  const [runs, learner] = await Promise.all([requestedRuns(store), livingLearner(store, now)])
  return [...new Set([...runs, ...(learner?.run === undefined ? [] : [learner.run])])]
}

/** The beginning of the sentence that refuses because of them, and the word that stands for them in what follows. */
export function aliveWords(runs: readonly string[], stage: string): { readonly are: string; readonly them: string } {
  const [subject, them] = runs.length === 1 ? [`run ${runs[0]} is`, 'it'] : [`${runs.length} runs are`, 'them']
  return { are: `${subject} waiting or under way on stage ${stage}`, them }
}
