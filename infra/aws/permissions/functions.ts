import type { StageArns } from '../arns.ts'
import type { Statement } from '../statement.ts'

/** What S3 answers for a key that does not exist depends on it: 404 with it, 403 without. */
const seeWhatIsMissing = (arns: StageArns): Statement => ({
  sid: 'SeeWhatIsMissing',
  actions: ['s3:ListBucket'],
  resources: [arns.bucket],
  reason: 'without it S3 answers "forbidden" instead of "not there" for an object that is not there yet',
})

const writeLog = (logs: string): Statement => ({
  sid: 'WriteLog',
  actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  resources: [logs],
  reason: 'its own log; the group is made by the deployment, so that none is left when the stage is removed',
})

/** The rollout function: it runs a user's code, so it may do nothing else. */
export const rolloutPermissions = (arns: StageArns): readonly Statement[] => [
  {
    sid: 'ReadWhatToDo',
    actions: ['s3:GetObject'],
    resources: [
      `${arns.bucket}/policies/*`,
      `${arns.bucket}/code/*`,
      `${arns.bucket}/graphs/*`,
      `${arns.bucket}/runs/*/manifest.json`,
      `${arns.bucket}/states/*`,
    ],
    reason:
      "a run's manifest, its newest policy, the env where the run brings its own, the graphs that it runs beside the env, and the state in which the shard's last lease left it",
  },
  {
    sid: 'WriteBatches',
    actions: ['s3:PutObject'],
    resources: [`${arns.bucket}/batches/*`, `${arns.bucket}/states/*`],
    reason: 'sample batches that are too large for a message, and the state of the envs as a lease ends',
  },
  seeWhatIsMissing(arns),
  {
    sid: 'SendBatches',
    actions: ['sqs:SendMessage'],
    resources: [arns.queue],
    reason: "sample batches, the report of a lease, and AWS's record of an invocation that failed",
  },
  writeLog(arns.logs.rollout),
]

/** The evaluate function: it reads a policy and plays; its answer is all it gives. */
export const evaluatePermissions = (arns: StageArns): readonly Statement[] => [
  {
    sid: 'ReadPolicies',
    actions: ['s3:GetObject'],
    resources: [`${arns.bucket}/policies/*`, `${arns.bucket}/runs/*/result/*`],
    reason: 'the policy to play with, of a run that is on or over, and the env that is kept with it',
  },
  seeWhatIsMissing(arns),
  writeLog(arns.logs.evaluate),
]
