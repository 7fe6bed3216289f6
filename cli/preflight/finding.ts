import { type ErrorCode, MillraceError, isMillraceError } from '../../shared/errors.ts'

/** What a check found: all is well (with what it saw), it could not be told (and need not stop anything), or what is missing. */
export type Finding =
  | { readonly kind: 'ok'; readonly check: string; readonly saw: string }
  | { readonly kind: 'unknown'; readonly check: string; readonly why: string }
  | { readonly kind: 'missing'; readonly check: string; readonly problem: MillraceError }

export const ok = (check: string, saw: string): Finding => ({ kind: 'ok', check, saw })

export const missing = (check: string, code: ErrorCode, sentence: string): Finding => ({
  kind: 'missing',
  check,
  problem: new MillraceError(code, sentence),
})

/**
 * Runs a check that asks AWS. Credentials that may not ask about a quota may well deploy: that is no reason to stop, nor is a question
 * that AWS fails to answer.
 */
export async function finding(check: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    if (!isMillraceError(error)) throw error
    if (error.code === 'E_PERMISSION' || error.code === 'E_AWS') return { kind: 'unknown', check, why: error.message }
    return { kind: 'missing', check, problem: error }
  }
}
