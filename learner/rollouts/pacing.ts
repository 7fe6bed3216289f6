import type { Pacing } from '../../shared/protocol/lease.ts'

/** How far rollouts may run ahead of the learner, as an algorithm asks for it. */
export type PacingSetting = Omit<Pacing, 'patienceMs'>
