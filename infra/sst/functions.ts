import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StageArns } from '../aws/arns.ts'
import { EVALUATE_SECONDS, EVENTS } from '../aws/limits.ts'
import { evaluatePermissions, rolloutPermissions } from '../aws/permissions/index.ts'
import { type Statement, trustDocument } from '../aws/statement.ts'
import { functionFiles } from './functionFiles.ts'
import type { Stage } from './stage.ts'

/** SST's words for the log retentions that settings know. */
const RETENTION = {
  1: '1 day',
  3: '3 days',
  5: '5 days',
  7: '1 week',
  14: '2 weeks',
  30: '1 month',
  90: '3 months',
} as const

export interface FunctionParts {
  readonly arns: $util.Output<StageArns>
  /** Where AWS tells of an invocation that it could not finish. */
  readonly failures: $util.Input<string>
}

/** The rollout function. What it needs to know comes in its lease. */
export function rolloutFunction(stage: Stage, { arns, failures }: FunctionParts): sst.aws.Function {
  const { settings } = stage
  return millraceFunction(stage, 'rollout', {
    description: 'Millrace: steps envs with the newest policy',
    timeoutSeconds: settings.functions.timeoutSeconds,
    concurrency: { reserved: settings.functions.concurrency },
    permissions: arns.apply(rolloutPermissions),
    // AWS sends the record with the role of the function.
    onFailure: failures,
  })
}

/** The evaluate function. Called and waited for, so nothing is reserved for it and it has nowhere to send to. */
export function evaluateFunction(stage: Stage, { arns }: Pick<FunctionParts, 'arns'>): sst.aws.Function {
  return millraceFunction(stage, 'evaluate', {
    description: 'Millrace: plays episodes with a policy',
    timeoutSeconds: EVALUATE_SECONDS,
    permissions: arns.apply(evaluatePermissions),
  })
}

interface Particulars {
  readonly description: string
  readonly timeoutSeconds: number
  readonly concurrency?: { reserved: number }
  readonly permissions: $util.Output<readonly Statement[]>
  readonly onFailure?: $util.Input<string>
}

function millraceFunction(stage: Stage, of: 'rollout' | 'evaluate', p: Particulars): sst.aws.Function {
  const { architecture, memoryMb, logRetentionDays } = stage.settings.functions
  return new sst.aws.Function(
    `${stage.name}${of === 'rollout' ? 'Rollout' : 'Evaluate'}`,
    {
      ...functionFiles(of, architecture),
      name: stage.names[`${of}Function`],
      description: p.description,
      // The newest that Lambda has; 22 loses its support half a year from its release here, and 20 is gone.
      runtime: 'nodejs24.x',
      architecture,
      memory: `${memoryMb} MB`,
      timeout: `${p.timeoutSeconds} seconds`,
      ...(p.concurrency === undefined ? {} : { concurrency: p.concurrency }),
      logging: { retention: RETENTION[logRetentionDays] },
      // A lease that failed is never tried again: the learner gives out a new one.
      retries: EVENTS.retries,
      nodejs: { esbuild: { external: ['onnxruntime-node'], sourcemap: false, keepNames: false } },
      // What SST puts beside a bundle for linked resources: encrypted, and of no use where nothing is linked.
      hook: { postbuild: (folder) => rm(join(folder, 'resource.enc'), { force: true }) },
      permissions: p.permissions.apply((statements) =>
        statements.map(({ actions, resources, conditions = [] }) => ({
          actions: [...actions],
          resources: [...resources],
          conditions: conditions.map((condition) => ({ ...condition, values: [...condition.values] })),
        })),
      ),
      transform: {
        // SST would attach a policy of AWS's that may write to every log, and make log groups that outlive the stage; and it would let
        // everybody in the account who may take on roles take on this one (4.17.1 tests an output as if it were a value).
        role: (args) => {
          args.managedPolicyArns = []
          args.assumeRolePolicy = JSON.stringify(trustDocument('lambda.amazonaws.com'))
          return undefined
        },
        // SST's variables hold a key for linked resources. Nothing is linked.
        function: (args) => {
          delete args.environment
          return undefined
        },
        eventInvokeConfig: (args) => {
          args.maximumEventAgeInSeconds = EVENTS.maxAgeSeconds
          if (p.onFailure !== undefined) args.destinationConfig = { onFailure: { destination: p.onFailure } }
          return undefined
        },
      },
    },
    { parent: stage.parent },
  )
}
