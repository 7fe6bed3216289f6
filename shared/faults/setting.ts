import * as z from 'zod'

/** Share of the occasions on which a fault happens, 0 … 1. */
const rate = z.number().min(0).max(1).default(0)
const ms = z.number().int().min(1).max(600_000)

/** A call by its service and its operation, as AWS names them; the calls that a run makes. */
const OPERATIONS = {
  s3: ['GetObject', 'PutObject', 'ListObjectsV2', 'DeleteObject', 'DeleteObjects'],
  sqs: ['SendMessage', 'ReceiveMessage', 'DeleteMessage', 'DeleteMessageBatch'],
  lambda: ['Invoke'],
} as const

/** `*` for every call, a service for all of its calls, `s3.PutObject` for one kind. */
export const CALLS: readonly string[] = [
  '*',
  ...Object.entries(OPERATIONS).flatMap(([service, names]) => [service, ...names.map((name) => `${service}.${name}`)]),
]

/** What may happen to one call: one of these at most. */
export const CallFaults = z
  .strictObject({
    /** Refused as a rate limit would. Nothing is done. */
    throttle: rate,
    /** Refused with a 5xx. Nothing is done. */
    error: rate,
    /** Answered late, by up to `slowMs`. */
    slow: rate,
    slowMs: ms.default(200),
    /** The connection breaks before anything is done. */
    dropBefore: rate,
    /** The connection breaks after the call was done, before its answer. */
    dropAfter: rate,
  })
  .refine(({ throttle, error, slow, dropBefore, dropAfter }) => throttle + error + slow + dropBefore + dropAfter <= 1, {
    error: 'the rates of one call are together over 1',
  })
export type CallFaults = z.infer<typeof CallFaults>

const calls: Readonly<Record<string, z.ZodOptional<typeof CallFaults>>> = Object.fromEntries(
  CALLS.map((name) => [name, CallFaults.optional()]),
)

/** Faults that the emulated cloud injects, as plain data: a seed, and a rate each. Everything is off unless told. */
export const FaultSetting = z
  .strictObject({
    /** Every decision derives from it. */
    seed: z.number().int().min(0).default(1),
    /** For how long there have been faults when the cloud opens: outages count from their beginning, also of a run that is resumed. */
    elapsedMs: z.number().int().min(0).default(0),
    /** Of a function's invocation: its process is killed before its first fragment arrives, as one arrives, or once one has arrived. */
    crash: z.strictObject({ beforeSends: rate, duringSends: rate, afterSends: rate }).prefault({}),
    /** Of a function's invocation: the platform ends it as one that ran out of time, or of memory. */
    timeout: rate,
    outOfMemory: rate,
    /** By call; the most exact name counts. */
    calls: z.strictObject(calls).prefault({}),
    /** Of a message. */
    messages: z
      .strictObject({
        /** It is there twice, under two ids. */
        duplicate: rate,
        /** It is delivered once more soon after, under the same id. */
        redeliver: rate,
        /** It comes late, by up to `delayMs`. */
        delay: rate,
        delayMs: ms.default(1_000),
        /** It is held back for some milliseconds, so that later ones overtake it. */
        reorder: rate,
        /** Its body is cut short, or a character of it is another. */
        corrupt: rate,
      })
      .prefault({}),
    /** Of an object that is written. */
    objects: z.strictObject({ /** Its body is cut short, or a bit of it is flipped. */ corrupt: rate }).prefault({}),
    /** Of a function's environment: its wall clock is wrong by up to `ms`, fast or slow. */
    clockSkew: z.strictObject({ rate, ms: ms.default(60_000) }).prefault({}),
    /** Every `everyMs` all calls are refused for `forMs`, at the end of that time. */
    outage: z
      .strictObject({ everyMs: z.number().int().min(100), forMs: z.number().int().min(1) })
      .refine(({ everyMs, forMs }) => forMs < everyMs, { error: 'expected forMs below everyMs' })
      .optional(),
  })
  .refine(
    ({ crash, timeout, outOfMemory }) =>
      crash.beforeSends + crash.duringSends + crash.afterSends + timeout + outOfMemory <= 1,
    {
      error: 'the rates of crash, timeout and outOfMemory are together over 1',
    },
  )
export type FaultSetting = z.infer<typeof FaultSetting>
export type FaultInput = z.input<typeof FaultSetting>

/** Does this setting inject no fault at all? */
export const isCalm = (setting: FaultSetting): boolean => ratesOf(setting) === NO_RATES

/** Fields of a parsed setting are in the order of the schema. */
const ratesOf = (setting: FaultSetting): string => JSON.stringify({ ...setting, seed: 0, elapsedMs: 0 })
const NO_RATES = ratesOf(FaultSetting.parse({}))
