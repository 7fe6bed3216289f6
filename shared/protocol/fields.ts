import * as z from 'zod'

/** SHA-256 in lower-case hex, as everything here writes it. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, { error: 'expected 64 lower-case hex digits' })

/** The first half of one. */
export const HalfSha256 = z.string().regex(/^[0-9a-f]{32}$/, { error: 'expected 32 lower-case hex digits' })

/** What only the learner that gave out a lease, and whoever has the lease, can know: 128 random bits. */
export const LeaseToken = z.string().regex(/^[0-9a-f]{32}$/, { error: 'expected 32 lower-case hex digits' })

const MAX_SENTENCE = 500
const MAX_ISSUES = 8

/** A schema's complaints as one sentence: `field: what was expected; field: …`, cut short, for the input may be hostile. */
export function issues(error: z.ZodError): string {
  const sentence = error.issues
    .slice(0, MAX_ISSUES)
    .map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`)
    .join('; ')
  return sentence.length > MAX_SENTENCE ? `${sentence.slice(0, MAX_SENTENCE)}...` : sentence
}
