import { z } from 'zod'
import { parseSettings } from '../../learner/settings.ts'
import { US_EAST_1 } from '../../shared/cost/priceBook.ts'

const count = z.number().int().min(1)

/** Functions on Lambda. */
const FunctionSettings = z.strictObject({
  /** Rollout functions at once: the burn cap. 50 at 1,769 MB on arm64 burn at most $4.15 an hour. */
  concurrency: count.max(10_000).default(50),
  /** 1,769 MB are about one vCPU. */
  memoryMb: z.number().int().min(512).max(10_240).default(1769),
  architecture: z.enum(['arm64', 'x86_64']).default('arm64'),
  /** The longest lease, and so the longest that a function can run on with nobody there: 60 to 900. */
  timeoutSeconds: z.number().int().min(60).max(900).default(180),
  logRetentionDays: z
    .union([z.literal(1), z.literal(3), z.literal(5), z.literal(7), z.literal(14), z.literal(30), z.literal(90)])
    .default(7),
})

const idleMinutes = z.number().positive().max(10_080)
const maxHours = z.number().positive().max(720)
const ends = {
  /** The learner ends itself when no run has asked for it for so long. */
  idleMinutes: idleMinutes.default(10),
  /** And at the latest after so long. */
  maxHours: maxHours.default(24),
}

/** Gigabytes that Fargate has for so many vCPUs: least, most, and in steps of. */
const FARGATE_GB = {
  1: [2, 8, 1],
  2: [4, 16, 1],
  4: [8, 30, 1],
  8: [16, 60, 4],
  16: [32, 120, 8],
} as const

interface FargateSize {
  readonly vcpu: keyof typeof FARGATE_GB
  readonly memoryGb: number
}

function fargateHas({ vcpu, memoryGb }: FargateSize): boolean {
  const [least, most, step] = FARGATE_GB[vcpu]
  return memoryGb >= least && memoryGb <= most && memoryGb % step === 0
}

function fargateSizes({ input }: { readonly input?: unknown }): string {
  const [least, most, step] = FARGATE_GB[(input as FargateSize).vcpu]
  return `Fargate gives ${(input as FargateSize).vcpu} vCPU ${least} to ${most} GB in steps of ${step}`
}

const unpriced = ({ instanceTypes }: { readonly instanceTypes: readonly string[] }): readonly string[] =>
  instanceTypes.filter((type) => US_EAST_1.machineHour[type] === undefined)

function unpricedSentence({ input }: { readonly input?: unknown }): string {
  const types = unpriced(input as { readonly instanceTypes: readonly string[] }).join(', ')
  return `Millrace does not know what ${types} costs; say what an hour of the dearest of instanceTypes costs on demand, in USD`
}

/** What the learner runs on. */
const LearnerSettings = z.discriminatedUnion('kind', [
  /** A machine of the user's own: `millrace learner --stage name`. Costs nothing on AWS. */
  z.strictObject({
    kind: z.literal('anywhere'),
    idleMinutes: idleMinutes.default(1440),
    maxHours: maxHours.default(720),
  }),
  /** CPU only, a container on Fargate. */
  z
    .strictObject({
      kind: z.literal('fargate'),
      vcpu: z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8), z.literal(16)]).default(4),
      memoryGb: z.number().int().min(2).max(120).default(8),
      /** An image in a registry; built from infra/learner.Dockerfile (with Docker, at deploy time) unless given. */
      image: z.string().min(1).optional(),
      ...ends,
    })
    .refine(fargateHas, { error: fargateSizes, path: ['memoryGb'] }),
  /** A group of none or one GPU machine. */
  z
    .strictObject({
      kind: z.literal('gpu'),
      instanceTypes: z
        .array(z.string().regex(/^[a-z0-9-]+\.[a-z0-9]+$/, { error: 'expected an instance type such as g6.xlarge' }))
        .min(1)
        .default(['g6.xlarge', 'g5.xlarge', 'g4dn.xlarge']),
      /** What an hour of the dearest of them costs on demand: for the price beside a run. Needed where Millrace does not know it. */
      usdPerHour: z.number().positive().optional(),
      /** Buys on demand when there is no spot capacity; costs two to three times as much. */
      onDemandFallback: z.boolean().default(false),
      engine: z.enum(['onnxruntime-cuda', 'tfjs-node-gpu', 'onnxruntime-cpu']).default('onnxruntime-cuda'),
      image: z.string().min(1).optional(),
      diskGb: z.number().int().min(30).max(1000).default(60),
      ...ends,
    })
    .refine((learner) => learner.usdPerHour !== undefined || unpriced(learner).length === 0, {
      error: unpricedSentence,
      path: ['usdPerHour'],
    }),
])

/** Words with single hyphens between them, since ECR takes no others. */
const APP_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/

/**
 * A machine that was lost without notice is replaced by one that has to boot and to fetch its image before it can push on the dead-man: one
 * that strikes sooner would take the replacement away.
 */
const BOOT_MINUTES = 10

export const StageSettings = z
  .strictObject({
    /** Names every resource, with the stage: 3 to 24 small letters, digits and hyphens. */
    app: z.string().refine((app) => APP_NAME.test(app) && app.length >= 3 && app.length <= 24, {
      error: 'expected 3 to 24 small letters, digits and hyphens, with a letter first and a hyphen between two others',
    }),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, { error: 'expected a region such as eu-west-1' }),
    functions: FunctionSettings.prefault({}),
    learner: LearnerSettings.prefault({ kind: 'anywhere' }),
    /** Functions end by themselves so long after the learner's last sign of life. */
    heartbeatSeconds: z.number().min(5).max(120).default(15),
    /** How often the learner saves a run, so that another one can go on with it. */
    checkpointSeconds: z.number().min(5).max(3600).default(30),
    /** When everything else is dead, schedules in the account set functions and learner to none after so long. */
    deadManMinutes: z.number().min(2).max(120).default(15),
    /** Days after which the bucket deletes by itself what a run left: batches and policies after 1, checkpoints and results as given. */
    keepDays: z.strictObject({ checkpoints: count.default(14), results: count.default(365) }).prefault({}),
    /**
     * The second line of defence, hours late: AWS mails when half and when all of it is spent in a month, by everything in the account. The
     * address is told of alarms too.
     */
    budget: z.strictObject({ usdPerMonth: z.number().positive(), email: z.email() }).optional(),
  })
  .refine(({ learner, deadManMinutes }) => learner.kind === 'anywhere' || deadManMinutes >= BOOT_MINUTES, {
    error: `expected ${BOOT_MINUTES} or more where AWS starts the learner: one that replaces a lost one has to boot before it can push the schedules on`,
    path: ['deadManMinutes'],
  })
/** What a user writes into millrace.settings.ts. */
export type StageSettingsInput = z.input<typeof StageSettings>
/** The same with every default filled in. */
export type StageSettings = z.output<typeof StageSettings>
export type LearnerKind = StageSettings['learner']['kind']

/**
 * Checks the settings of the stages and fills in their defaults. The default export of `millrace.settings.ts`, which both
 * `sst.config.ts` and the command line read.
 * @throws MillraceError E_SETTINGS naming the field, what was expected, and the nearest known name of an unknown one
 */
export function settings(input: StageSettingsInput): StageSettings {
  return parseSettings(StageSettings, input, 'settings', 'E_SETTINGS')
}
