/** What a run needs to exist wherever it runs, and what it is called; each can be named otherwise by a variable. */
export const names = {
  bucket: process.env['MILLRACE_BUCKET'] ?? 'millrace',
  queue: process.env['MILLRACE_QUEUE'] ?? 'millrace-batches',
  deadLetterQueue: process.env['MILLRACE_DEAD_LETTER_QUEUE'] ?? 'millrace-dead-letters',
  rolloutFunction: process.env['MILLRACE_ROLLOUT_FUNCTION'] ?? 'millrace-rollout',
} as const

/** Did the user name the queue? Then it is used as it is, and by one run at a time. */
export const isQueueNamed = process.env['MILLRACE_QUEUE'] !== undefined

/** Of the rollout function: about one vCPU on Lambda. */
export const ROLLOUT_MEMORY_MB = 1769

/** A dead learner costs at most so much of rollouts. */
export const HEARTBEAT_MS = 15_000
