import { z } from 'zod'
import { Sha256 } from '../../shared/protocol/fields.ts'
import { listOf, recordOf } from '../../shared/protocol/lists.ts'
import { Label as label, Name, ObjectKey, Text } from '../../shared/protocol/names.ts'

const atMs = z.number().positive()
const count = z.number().int().min(0)
const number = z.number()
/** At one every five seconds, 57 days; whoever brings the log asks for each. */
const MAX_PIECES = 1_000_000

/** What a user asks of a stage's learner. Written once by the command line, deleted by the learner when the run is over. */
export const RunRequest = z.strictObject({
  format: z.literal(1),
  run: Name,
  /** The experiment's name: that of its file. */
  experiment: label,
  /** The command line's version; the learner must be of the same. */
  millrace: label,
  requestedAt: atMs,
  /** The experiment as a module whose imports of `millrace` are left for the learner to resolve. */
  module: z.strictObject({ key: ObjectKey, sha256: Sha256 }),
  /** The env as a self-contained module for functions, where the experiment brings its own. */
  envCode: z.strictObject({ key: ObjectKey, sha256: Sha256 }).optional(),
  /** Overrides by dotted path, as `--set` gives them. */
  set: recordOf(z.string(), z.string(), 1_000),
})
export type RunRequest = z.infer<typeof RunRequest>

/** A user's request to stop a run after its current update. */
export const StopRequest = z.strictObject({ format: z.literal(1), at: atMs, by: label })
export type StopRequest = z.infer<typeof StopRequest>

/** The claim of the learner that serves a stage. It is written by conditional puts, so that only one learner can have it. */
export const LearnerClaim = z.strictObject({
  format: z.literal(1),
  /** New for every process. */
  learner: label,
  host: label,
  startedAt: atMs,
  /** Past it the learner is dead, and another may claim the stage. */
  heartbeatUntil: atMs,
  /** The run it is working on. */
  run: Name.optional(),
})
export type LearnerClaim = z.infer<typeof LearnerClaim>

const spread = z.strictObject({ min: number, mean: number, max: number })

/** The schema of observer.ts's Progress. */
export const ProgressRecord = z.strictObject({
  envSteps: count,
  trainedSteps: count,
  updates: count,
  atMs: number,
  policyVersion: count,
  lag: spread,
  meanReturn: number.nullable(),
  episodes: count,
  metrics: recordOf(z.string(), number, 1_000),
  stepsPerSecond: number,
  updatesPerSecond: number,
  learnerIdleShare: number,
  functionsInFlight: count,
  queuedFragments: count,
  costUsd: number,
  dropped: z.strictObject({ stale: count, duplicate: count, corrupt: count, foreign: count, envSteps: count }),
  episodesCut: count.optional(),
})

/** The schema of observer.ts's RunInfo. */
export const RunInfoRecord = z.strictObject({
  run: Name,
  env: label,
  algorithm: label,
  seed: count,
  where: label,
  stop: z.strictObject({ meanReturn: number.optional(), envSteps: number.optional(), seconds: number.optional() }),
})

/** The schema of observer.ts's RunSummary. */
export const RunSummaryRecord = z.strictObject({
  run: Name,
  reason: z.enum(['meanReturn', 'envSteps', 'seconds', 'budget', 'interrupted', 'ended']),
  progress: ProgressRecord,
  curve: listOf(z.tuple([number, number]), 10_000),
  costByPart: recordOf(z.string(), number, 64),
  deterministic: z.literal(false).optional(),
  notDeterministicBecause: z.string().max(2_000).pipe(Text).optional(),
})

/**
 * The status of a run, written by its learner about once a second. Followers of the run poll it.
 *
 * - `waiting`: no learner has taken it yet, or one that had to end left it for the next, with a checkpoint
 * - `running`: a learner works on it, while `heartbeatUntil` is not over; after that the next learner resumes from the last checkpoint
 * - `ended`, `failed`: over; the files are under `keys.result`
 */
export const RunStatus = z.strictObject({
  format: z.literal(1),
  run: Name,
  experiment: label,
  state: z.enum(['waiting', 'running', 'ended', 'failed']),
  /** How often a learner has begun it: 1, then one more whenever one went on with it: after a loss, a hand-over, a failure of the cloud. */
  attempt: count,
  /** How many attempts in a row ended by a lost learner or a failure of the cloud, without a checkpoint; too many, and the run has failed. */
  losses: count.optional(),
  at: atMs,
  requestedAt: atMs,
  startedAt: atMs.optional(),
  endedAt: atMs.optional(),
  learner: z.strictObject({ id: label, host: label }).optional(),
  heartbeatUntil: atMs.optional(),
  info: RunInfoRecord.optional(),
  progress: ProgressRecord.optional(),
  /** The newest events, numbered from 0 over the whole run, so that a follower shows each once. */
  events: listOf(z.strictObject({ n: count, at: atMs, level: z.enum(['info', 'warn']), text: Text }), 1_000),
  /** Pieces of the metrics log that are in the bucket. */
  metricsPieces: count.max(MAX_PIECES),
  checkpoint: z.strictObject({ key: ObjectKey, updates: count, at: atMs }).optional(),
  /** SHA-256 of the files under `keys.result`, by their names. */
  files: recordOf(Name, Sha256, 64).optional(),
  summary: RunSummaryRecord.optional(),
  /** What a run that failed ended with, as MillraceError has it. */
  error: z
    .strictObject({
      code: label,
      message: Text,
      where: z.record(Text, z.union([Text, z.number(), z.boolean()])).optional(),
      /** The part of the stack that lies in the user's own files. */
      stack: Text.optional(),
    })
    .optional(),
})
export type RunStatus = z.infer<typeof RunStatus>
