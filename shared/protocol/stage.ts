import * as z from 'zod'
import { MillraceError } from '../errors.ts'
import { issues } from './fields.ts'
import { listOf } from './lists.ts'
import { Label as name } from './names.ts'
import { parseJson, whyNoJson } from './parseJson.ts'
import { isStageName } from './stageName.ts'

const names = listOf(name, 64).refine((list) => list.length > 0, { error: 'expected at least one' })
const seconds = z.number().positive()

/** The instance type of a group in the emulated cloud: its machines are processes. */
export const EMULATED_INSTANCE = 'emulated'

/** What a learner runs on. `anywhere`: a machine of the user's own, where `millrace learner` is started by hand. */
export const LearnerHost = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('gpu'), autoScalingGroup: name, instanceTypes: names }),
  z.strictObject({ kind: z.literal('fargate'), cluster: name, service: name }),
  z.strictObject({ kind: z.literal('anywhere') }),
])
export type LearnerHost = z.infer<typeof LearnerHost>

/**
 * A deployed stage as the command line and the learner see it: what was made, what it is called, and its limits. Deploying writes it
 * into a parameter of the account (`stageParameter`), so that any machine with credentials can find it.
 */
export const StageDescription = z.strictObject({
  format: z.literal(1),
  app: name,
  stage: name.refine(isStageName, { error: 'expected the name of a stage' }),
  region: name,
  /** The version of Millrace that was deployed; a learner and a command line of another one are refused. */
  millrace: name,
  bucket: name,
  queueUrl: name,
  deadLetterQueueUrl: name,
  rolloutFunction: name,
  evaluateFunction: name,
  /** Rollout functions at once: the burn cap. Reserved from deployment on, and so taken from the account's quota at rest too. */
  concurrency: z.number().int().min(1),
  memoryMb: z.number().int().min(128),
  /** List price of a function's GB-second, USD: x86_64 costs a quarter more than arm64. */
  functionGbSecondUsd: z.number().min(0),
  /** The rollout function's time-out. A lease is shorter. */
  timeoutSeconds: seconds,
  /** How long functions go on without a sign of life of the learner. */
  heartbeatSeconds: seconds,
  learner: LearnerHost,
  /** List price of the learner's machine, USD an hour, the dearest where it may be one of several; 0 where it is the user's own. */
  learnerHourUsd: z.number().min(0),
  /** How often a run is saved, so that another learner can go on with it. */
  checkpointSeconds: seconds,
  /** The learner ends itself when no run has asked for it for so long, and at the latest after `maxHours`. */
  idleMinutes: z.number().positive(),
  maxHours: z.number().positive(),
  /** Schedules that set functions and learner to none unless the learner pushes them on in time. */
  deadMan: z.strictObject({ group: name, schedules: names, afterSeconds: seconds }),
  logGroups: z.strictObject({ rollout: name, evaluate: name, learner: name.optional() }),
})
export type StageDescription = z.infer<typeof StageDescription>

/** Name of the parameter that holds a stage's description. */
export const stageParameter = (app: string, stage: string): string => `/millrace/${app}/${stage}`

/** @throws MillraceError E_STAGE when it is not a description that this version knows */
export function parseStage(text: string): StageDescription {
  let data: unknown
  try {
    data = parseJson(text)
  } catch (cause) {
    throw new MillraceError(
      'E_STAGE',
      `the description of the stage ${whyNoJson(cause)}; deploy the stage again`,
      {},
      { cause },
    )
  }
  const result = StageDescription.safeParse(data)
  if (result.success) return result.data
  throw new MillraceError(
    'E_STAGE',
    `the description of the stage does not fit this version of Millrace; deploy the stage again: ${issues(result.error)}`,
  )
}
