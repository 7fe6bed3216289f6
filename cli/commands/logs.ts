export const LOG_SOURCES = ['all', 'learner', 'rollout', 'evaluate'] as const

export interface LogsOptions {
  readonly stage: string
  readonly of: (typeof LOG_SOURCES)[number]
  /** How far back, ms. */
  readonly sinceMs: number
  readonly follow: boolean
}
