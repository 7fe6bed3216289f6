/** Limits that a stage has whatever its settings: of the deployed one, of the emulated one, and what `millrace doctor` looks for. */

/** An event that could not start by then belongs to a lease that nobody waits for any more. One that failed is never tried again. */
export const EVENTS = { retries: 0, maxAgeSeconds: 60 } as const

/** Lambda's longest: whoever asks for an evaluation waits for it, so it is bounded by patience and not by a lease. */
export const EVALUATE_SECONDS = 900

/** Messages that a learner took and did not delete come back after so long; at the last time they go to the dead letters. */
export const RECEIPTS = { visibilitySeconds: 60, max: 5 } as const
