import { type Condition, type Statement, policyDocument, trustDocument } from '../aws/statement.ts'
import type { Stage } from './stage.ts'

export interface RoleOptions {
  readonly name: string
  /** The service that takes it on. */
  readonly service: string
  readonly trust?: $util.Output<readonly Condition[]>
  readonly permissions: $util.Output<readonly Statement[]>
}

/** A role with one policy, and no other. */
export function stageRole({ name, parent }: Stage, logicalName: string, options: RoleOptions): aws.iam.Role {
  const { service, trust = $output([] as readonly Condition[]), permissions } = options
  return new aws.iam.Role(
    `${name}${logicalName}Role`,
    {
      name: options.name,
      assumeRolePolicy: trust.apply((conditions) => JSON.stringify(trustDocument(service, conditions))),
      inlinePolicies: [
        { name: 'inline', policy: permissions.apply((statements) => JSON.stringify(policyDocument(statements))) },
      ],
      managedPolicyArns: [],
    },
    { parent },
  )
}
