import {
  GetAccountSettingsCommand,
  GetFunctionConcurrencyCommand,
  InvokeCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
} from '@aws-sdk/client-lambda'
import { MillraceError } from '../../errors.ts'
import type { AwsOptions } from '../endpoints.ts'
import type { ConcurrencyLimit } from '../ports.ts'
import { controlConfig, withClient } from './config.ts'
import { asking, awsProblem } from './problem.ts'

/** Unlike the data plane's client, this one leaves retries to the SDK. */
const lambda = (options: AwsOptions) => new LambdaClient(controlConfig('LAMBDA', options))

/** Lambda's reserved concurrency of a function. */
export function reservedConcurrency(functionName: string, options: AwsOptions = {}): ConcurrencyLimit {
  const client = lambda(options)
  return {
    async get() {
      const command = new GetFunctionConcurrencyCommand({ FunctionName: functionName })
      const doing = `cannot read the concurrency of ${functionName}`
      return (await asking(doing, client.send(command))).ReservedConcurrentExecutions
    },
    async set(limit) {
      const input = { FunctionName: functionName, ReservedConcurrentExecutions: limit }
      const doing = `cannot set the concurrency of ${functionName} to ${limit}`
      try {
        await client.send(new PutFunctionConcurrencyCommand(input))
      } catch (cause) {
        const [, least] = /UnreservedConcurrentExecution below its minimum value of \[(\d+)\]/.exec(String(cause)) ?? []
        if (least === undefined) throw awsProblem(doing, cause)
        throw new MillraceError(
          'E_QUOTA',
          `${doing}: the account must keep ${least} unreserved; ask for a higher quota of concurrent executions (Service Quotas, AWS Lambda), or set functions.concurrency lower`,
          { functionName, limit },
          { cause },
        )
      }
    },
  }
}

/** The account's quota of concurrent executions in this region, and what no function has reserved of it. */
export async function concurrencyQuota(options: AwsOptions = {}): Promise<{ limit: number; unreserved: number }> {
  const { AccountLimit } = await withClient(lambda(options), async (client) =>
    asking('cannot read the quota of Lambda', client.send(new GetAccountSettingsCommand({}))),
  )
  return {
    limit: AccountLimit?.ConcurrentExecutions ?? 0,
    unreserved: AccountLimit?.UnreservedConcurrentExecutions ?? 0,
  }
}

/**
 * Calls a function and waits for its answer.
 * @throws MillraceError E_INVOKE with the function's own sentence when it failed, else as `awsProblem` says
 */
export async function invokeSync(functionName: string, payload: unknown, options: AwsOptions = {}): Promise<unknown> {
  const input = { FunctionName: functionName, Payload: Buffer.from(JSON.stringify(payload)) }
  const { Payload, FunctionError } = await withClient(lambda(options), async (client) =>
    asking(`cannot invoke ${functionName}`, client.send(new InvokeCommand(input))),
  )
  const text = Buffer.from(Payload ?? []).toString()
  if (FunctionError !== undefined) throw functionFailed(functionName, text)
  return text === '' ? undefined : (JSON.parse(text) as unknown)
}

function functionFailed(functionName: string, text: string): MillraceError {
  let said: { errorType?: unknown; errorMessage?: unknown } = {}
  try {
    said = JSON.parse(text) as typeof said
  } catch {
    // a runtime of the user's own may say anything: its text is shown as it is
  }
  const errorType = typeof said?.errorType === 'string' ? said.errorType : undefined
  const message = typeof said?.errorMessage === 'string' ? said.errorMessage : text || 'it gave no reason'
  return new MillraceError('E_INVOKE', `the function ${functionName} failed: ${message}`, { functionName, errorType })
}
