import type { AwsClients } from '../../shared/cloud/index.ts'
import { awsFailure } from '../../shared/cloud/awsFailure.ts'
import { mayPass } from '../../shared/cloud/mayPass.ts'

/** Counts by service the requests of these clients that failed and may not fail the next time, each try of a call by itself. */
export function failedCalls(clients: Pick<AwsClients, 's3' | 'sqs' | 'lambda'>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const service of ['s3', 'sqs', 'lambda'] as const) {
    counts[service] = 0
    const { middlewareStack } = clients[service] as AwsClients['s3']
    middlewareStack.add(
      (next) => async (args) => {
        try {
          return await next(args)
        } catch (error) {
          if (isFailure(error)) counts[service] = (counts[service] ?? 0) + 1
          throw error
        }
      },
      { step: 'finalizeRequest', priority: 'low', name: 'millraceFailedCalls' },
    )
  }
  return counts
}

/** An abort is the caller's own doing. */
const isFailure = (error: unknown): boolean => {
  const failure = awsFailure(error)
  return failure.name !== 'AbortError' && mayPass(failure)
}
