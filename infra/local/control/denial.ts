import type { FaultAction, FaultRequest, ServiceName } from '../faults/faults.ts'
import { USER_ARN } from './account.ts'

/** Which right an operation needs, where IAM calls it otherwise. */
const ACTIONS: Readonly<Record<string, string>> = {
  's3:HeadObject': 's3:GetObject',
  's3:HeadBucket': 's3:ListBucket',
  's3:ListObjectsV2': 's3:ListBucket',
  's3:DeleteObjects': 's3:DeleteObject',
  'sqs:SendMessageBatch': 'sqs:SendMessage',
  'sqs:DeleteMessageBatch': 'sqs:DeleteMessage',
  'sqs:ChangeMessageVisibilityBatch': 'sqs:ChangeMessageVisibility',
  'lambda:Invoke': 'lambda:InvokeFunction',
  'lambda:PUT concurrency': 'lambda:PutFunctionConcurrency',
  'lambda:GET concurrency': 'lambda:GetFunctionConcurrency',
  'lambda:DELETE concurrency': 'lambda:DeleteFunctionConcurrency',
}

/** How each service says no, and its status where that is not 403. */
const REFUSALS: Partial<Record<ServiceName, { readonly code: string; readonly status?: number }>> = {
  s3: { code: 'AccessDenied' },
  autoscaling: { code: 'AccessDenied' },
  sts: { code: 'AccessDenied' },
  ec2: { code: 'UnauthorizedOperation' },
  lambda: { code: 'AccessDeniedException' },
  scheduler: { code: 'AccessDeniedException' },
}

/** The refusal of a request whose right is denied, in the words that AWS has for it. */
export function denial(denied: ReadonlySet<string>, { service, operation }: FaultRequest): FaultAction | undefined {
  if (denied.size === 0) return undefined
  const named = `${service}:${operation}`
  const action = ACTIONS[named] ?? named
  if (!denied.has(action) && !denied.has(`${service}:*`)) return undefined
  const { code, status = 403 } = REFUSALS[service] ?? { code: 'AccessDeniedException', status: 400 }
  const message = `User: ${USER_ARN} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`
  return { refuse: { status, code, message } }
}
