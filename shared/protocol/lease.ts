import * as z from 'zod'
import { PolicySpec } from '../policy/spec.ts'
import { HalfSha256, LeaseToken, Sha256 } from './fields.ts'
import { JsonObject } from './json.ts'
import { listOf, recordOf } from './lists.ts'
import { Label, Name, ObjectKey, Text } from './names.ts'
import { SourceGraph } from './sourceGraph.ts'

/** An object of the run's bucket. */
export const StoredObject = z.strictObject({ key: ObjectKey, sha256: Sha256 })
export type StoredObject = z.infer<typeof StoredObject>

/** A policy version with the first half of its model's SHA-256: 128 bits are enough to tell a model that was damaged or replaced. */
export const PolicyHash = z.tuple([z.number().int().min(0), HalfSha256])
export type PolicyHash = z.infer<typeof PolicyHash>

/** More would not fit into the payload of an invocation. */
export const MAX_EARLIER_POLICIES = 4096

const count = z.number().int().min(1)
const requests = z.number().min(0)

/**
 * How far a rollout function may run ahead of the learner. It is what bounds policy lag at its source. `perVersion` is the
 * number of fragments of this shard that go into one policy version on average.
 *
 * - `exact`: the fragment with sequence number n is stepped with policy version
 *   `baseVersion + publishEvery * max(0, floor(n / perVersion) - lead)` and no other; the function waits until that version is out. The data then depend on nothing but seeds: lead 0 is a
 *   synchronous plan, lead 1 overlaps stepping with learning at a constant lag of one.
 * - `newest`: the newest version known when the fragment starts. A window bounds what is sent and not yet consumed, as the
 *   manifest tells it, to `perVersion * (lead + 1)` fragments, rounded up, or to what the manifest says, where that is more. After `patienceMs` without a change the function
 *   sends one more, so that a lost fragment cannot stop a run.
 */
export const Pacing = z.strictObject({
  mode: z.enum(['exact', 'newest']),
  perVersion: z.number().positive(),
  lead: z.number().int().min(0),
  /** Versions are update counts; only every `publishEvery`-th update is published. Default 1. */
  publishEvery: z.number().int().min(1).optional(),
  /** The run's first version: of one that goes on from a checkpoint, the updates done before it. 0 unless told. */
  baseVersion: z.number().int().min(0).optional(),
  patienceMs: z.number().positive(),
})
export type Pacing = z.infer<typeof Pacing>

/** A stage by its name in `shared/stages`, with its parameters. */
export const LeaseStage = z.strictObject({ name: Label, params: JsonObject })
export type LeaseStage = z.infer<typeof LeaseStage>

/** What the leases of one invocation have in common. Times in ms since the epoch. */
export const LeaseTerms = z.strictObject({
  run: Name,
  /** Versions that may be asked for and that the manifest has no hash of any more. Only in an exact pace. */
  earlierPolicies: listOf(PolicyHash, MAX_EARLIER_POLICIES).optional(),
  /** Save the envs between two fragments this often at most, ms, so that a lease that is lost can be stepped again from there. Only in an exact pace. */
  saveEveryMs: z.number().min(0).optional(),
  env: z.strictObject({
    id: Label,
    config: JsonObject,
    /** A user's own env: a self-contained ES module in the bucket whose default export is the experiment. */
    code: StoredObject.optional(),
  }),
  policy: PolicySpec,
  numEnvs: count,
  fragmentLength: count,
  deadline: z.number().positive(),
  /** How long it may work at most by the function's own clock: the two clocks may not agree about the deadline. */
  maxMs: z.number().positive().optional(),
  pacing: Pacing,
  /** Named stages run at the source, in order, with plain parameters. */
  stages: listOf(LeaseStage, 64),
  /** What those stages run, by the names that their parameters have for it. */
  graphs: recordOf(Label, SourceGraph, 16).optional(),
  exploration: JsonObject,
  seed: z.number().int().min(0),
  bucket: Label,
  queueUrl: Label,
  /** Where S3 and SQS are, for functions whose own settings lead elsewhere than to those of the run. */
  endpoints: z.strictObject({ s3: z.url(), sqs: z.url() }).optional(),
  /** Fragments whose encoded bytes are more than this go to the bucket, and the message points at them. */
  spillAboveBytes: z.number().int().min(0),
  /** Whether fragments that travel inside the message may be compressed (they are where it saves a fifth of the message's price). */
  compress: z.boolean(),
  maxSendsInFlight: count,
  /** How often the manifest is looked at, at most. */
  manifestPollMs: z.number().min(0),
})
export type LeaseTerms = z.infer<typeof LeaseTerms>

/** A lease's own part: which stream of experience it is of, and where in it it begins. */
export const StreamLease = z.strictObject({
  shard: z.number().int().min(0),
  /** Unique within the run. */
  lease: Name,
  /** Every message of this lease has to carry it. It decides nothing else: no seed, nothing in a fragment's body. */
  token: LeaseToken.optional(),
  /** Sequence number of the lease's first fragment within its shard. */
  firstSequence: z.number().int().min(0),
  /** Fragments before this one are stepped and not sent: they have come already. `firstSequence` unless told. Only in an exact pace. */
  sendFrom: z.number().int().min(0).optional(),
  /** How many leases of this shard failed in a row before this one. It goes into the seeds, so that a retry does not repeat what failed. 0 unless told. */
  retry: z.number().int().min(0).optional(),
  /** Where the shard's last lease left its envs and random streams: this lease goes on from there. Without it the envs start anew. */
  envState: StoredObject.optional(),
  /** Ends after this many fragments, at `deadline`, or when the manifest says stop: whichever is first. */
  maxFragments: count,
})
export type StreamLease = z.infer<typeof StreamLease>

/** A function's work on one stream of experience: all that it needs to know of it. It is given out in an `Invocation`. */
export type Lease = LeaseTerms & StreamLease

/** Why a function stopped working. */
export const LeaseEnd = z.enum(['fragments', 'deadline', 'stopped', 'heartbeat', 'error'])
export type LeaseEnd = z.infer<typeof LeaseEnd>

/** Parts of a cold start in their order, each without the one before; ms. */
export const StartParts = z.strictObject({
  /** From a new process to a handler that can be called: Node.js, the runtime, the bundle, onnxruntime. */
  loadMs: z.number().min(0),
  /** The envs, and the code of those that the experiment brings. */
  envMs: z.number().min(0),
  /** Until the manifest was read. */
  manifestMs: z.number().min(0),
  /** The policy's model and its session. */
  policyMs: z.number().min(0),
  /** Stepping the first fragment. */
  fragmentMs: z.number().min(0),
})
export type StartParts = z.infer<typeof StartParts>

/** What ended a lease that failed. */
export const LeaseError = z.strictObject({
  code: z.string(),
  message: Text,
  /** Env, env index, step of the episode, sequence … as `MillraceError.where`. */
  where: recordOf(z.string(), z.union([Text, z.number(), z.boolean()]), 64).optional(),
  /** The part of the stack that lies in the user's own files. */
  stack: z.string().max(8_192).pipe(Text).optional(),
})
export type LeaseError = z.infer<typeof LeaseError>

/** What a function answers, and sends through the queue as its last message. */
export const LeaseReport = z.strictObject({
  run: Name,
  shard: z.number().int().min(0),
  lease: Name,
  end: LeaseEnd,
  fragments: z.number().int().min(0),
  /** The first sequence number that it did not step, where all before it were sent. */
  nextSequence: z.number().int().min(0).optional(),
  envSteps: z.number().int().min(0),
  /** Time from start to end, time spent in policy and env stepping, and time waiting for a newer policy; ms. */
  totalMs: z.number().min(0),
  steppingMs: z.number().min(0),
  waitingMs: z.number().min(0),
  coldStart: z.boolean(),
  /** What a cold start was made of, up to the first fragment; ms. */
  start: StartParts.optional(),
  /** S3 requests by price class, and SQS requests in 64 KB chunks: what the lease cost beside its milliseconds. */
  requests: z.strictObject({ s3Put: requests, s3Get: requests, sqs: requests }),
  /** Where the envs and random streams stand after the last fragment, for the shard's next lease; absent where the env cannot be saved. */
  envState: StoredObject.optional(),
  /** Episodes that were under way when the lease ended and that nobody goes on with. */
  episodesCut: z.number().int().min(0).optional(),
  /** Why the envs could not be saved, or could not go on from the state that the last lease left. They start anew then. */
  envStateProblem: z.string().max(1_000).pipe(Text).optional(),
  error: LeaseError.optional(),
})
export type LeaseReport = z.infer<typeof LeaseReport>
