/** One permission, with the reason why it is needed. */
export interface Statement {
  /** Letters and digits; unique within a policy. */
  readonly sid: string
  readonly actions: readonly string[]
  /** ARNs. `*` only where AWS knows no resource for the action; `reason` then says so. */
  readonly resources: readonly string[]
  readonly conditions?: readonly Condition[]
  readonly reason: string
}

export interface Condition {
  readonly test: string
  readonly variable: string
  readonly values: readonly string[]
}

/** An IAM policy as JSON. */
export interface PolicyDocument {
  readonly Version: '2012-10-17'
  readonly Statement: readonly PolicyStatement[]
}

export interface PolicyStatement {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

/** Statements as IAM wants them. */
export function policyDocument(statements: readonly Statement[]): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: statements.map(({ sid, actions, resources, conditions }) => ({
      Sid: sid,
      Effect: 'Allow',
      Action: actions,
      Resource: resources,
      ...(conditions === undefined ? {} : { Condition: conditionBlock(conditions) }),
    })),
  }
}

function conditionBlock(conditions: readonly Condition[]) {
  const block: Record<string, Record<string, readonly string[]>> = {}
  for (const { test, variable, values } of conditions) (block[test] ??= {})[variable] = values
  return block
}

/** A role's trust: which service may take it on, and on whose behalf. */
export function trustDocument(service: string, conditions: readonly Condition[] = []) {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: service },
        Action: 'sts:AssumeRole',
        ...(conditions.length === 0 ? {} : { Condition: conditionBlock(conditions) }),
      },
    ],
  } as const
}
