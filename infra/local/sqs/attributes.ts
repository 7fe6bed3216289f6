import { parseJson } from '../../../shared/protocol/parseJson.ts'
import { AwsError } from '../awsError.ts'

/** Attributes that a caller may set: their default, and the range of the numeric ones. */
const SETTABLE: Readonly<Record<string, { readonly initial?: string; readonly min?: number; readonly max?: number }>> =
  {
    VisibilityTimeout: { initial: '30', min: 0, max: 43_200 },
    DelaySeconds: { initial: '0', min: 0, max: 900 },
    MaximumMessageSize: { initial: '1048576', min: 1024, max: 1_048_576 },
    MessageRetentionPeriod: { initial: '345600', min: 60, max: 1_209_600 },
    ReceiveMessageWaitTimeSeconds: { initial: '0', min: 0, max: 20 },
    RedrivePolicy: {},
    RedriveAllowPolicy: {},
    Policy: {},
    KmsMasterKeyId: {},
    KmsDataKeyReusePeriodSeconds: {},
    SqsManagedSseEnabled: { initial: 'true' },
  }

export type Attributes = Readonly<Record<string, string>>

export const DEFAULT_ATTRIBUTES: Attributes = Object.fromEntries(
  Object.entries(SETTABLE).flatMap(([name, { initial }]) => (initial === undefined ? [] : [[name, initial]])),
)

/** @throws AwsError InvalidAttributeName, InvalidAttributeValue, UnsupportedOperation for first-in-first-out queues */
export function checkAttributes(attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'FifoQueue')
      throw new AwsError(400, 'UnsupportedOperation', 'The emulated SQS has standard queues only.')
    const rule = SETTABLE[name]
    if (rule === undefined) throw new AwsError(400, 'InvalidAttributeName', `Unknown Attribute ${name}.`)
    const { min, max } = rule
    if (min === undefined || max === undefined) continue
    if (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max) {
      throw new AwsError(400, 'InvalidAttributeValue', `Invalid value for the parameter ${name}.`)
    }
  }
}

export interface Redrive {
  readonly targetArn: string
  readonly maxReceiveCount: number
}

const POLICY_LIMITS = { characters: 8_192, depth: 4, values: 32 }

/** Reads a RedrivePolicy. @throws AwsError InvalidAttributeValue */
export function parseRedrive(policy: string | undefined): Redrive | undefined {
  if (policy === undefined || policy === '') return undefined
  const read = (): { deadLetterTargetArn?: unknown; maxReceiveCount?: unknown } => {
    try {
      return (parseJson(policy, POLICY_LIMITS) as object | null) ?? {}
    } catch {
      return {}
    }
  }
  const { deadLetterTargetArn, maxReceiveCount } = read()
  const limit = typeof maxReceiveCount === 'object' ? Number.NaN : Number(maxReceiveCount)
  if (typeof deadLetterTargetArn !== 'string' || !Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new AwsError(
      400,
      'InvalidAttributeValue',
      `Value ${policy.slice(0, 300)} for parameter RedrivePolicy is invalid.`,
    )
  }
  return { targetArn: deadLetterTargetArn, maxReceiveCount: limit }
}
