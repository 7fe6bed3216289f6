import type { z } from 'zod'
import { issues } from '../../../shared/protocol/fields.ts'
import { AwsError } from '../awsError.ts'
import { ACCOUNT } from '../sqs/wire.ts'

/** The one region there is. */
export const REGION = 'us-east-1'

export const arn = (service: string, resource: string): string => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`

/** An operation of a service: takes the request as it came, and gives back what is written as its answer. */
export type Operation<Answer> = (input: unknown) => Answer | Promise<Answer>

/**
 * An operation whose request is held against a schema first. Schemas are strict: what AWS knows and the emulation does not is refused,
 * and never silently left out.
 */
export function operation<S extends z.ZodType, Answer>(
  schema: S,
  run: (input: z.output<S>) => Answer | Promise<Answer>,
) {
  return (input: unknown): Answer | Promise<Answer> => {
    const result = schema.safeParse(input)
    if (result.success) return run(result.data)
    throw new AwsError(
      400,
      'ValidationException',
      `the request does not fit the emulated service: ${issues(result.error)}`,
    )
  }
}

/** One page of a list, and the token of the next one. */
export function page<T>(all: readonly T[], { size, token }: { size: number; token: string | undefined }) {
  const from = token === undefined ? 0 : Number(token)
  if (!Number.isInteger(from) || from < 0)
    throw new AwsError(400, 'InvalidNextToken', 'The specified token is not valid.')
  const items = all.slice(from, from + size)
  return { items, next: from + size < all.length ? String(from + size) : undefined }
}
