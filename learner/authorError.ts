import { MillraceError, isMillraceError } from '../shared/errors.ts'
import { oneLine } from '../shared/oneLine.ts'
import { showThrown } from '../shared/showValue.ts'
import { userTrace } from '../shared/userCode/index.ts'

/**
 * Asks an algorithm for one of its parts. What goes wrong in a file of its author's is told with the place in it; what goes wrong in
 * Millrace's own algorithms stays as it is.
 *
 * @throws MillraceError of what went wrong; E_EXPERIMENT for what had no code
 */
export function fromAuthor<T>(algorithm: string, part: string, ask: () => T): T {
  try {
    return ask()
  } catch (error) {
    const { at, stack } = userTrace(error)
    const isAuthors = at !== undefined && at !== userTrace(new Error('who called')).at
    if (!isAuthors) throw error
    const options = { cause: error, userStack: stack }
    if (isMillraceError(error)) throw new MillraceError(error.code, error.message, { ...error.where, at }, options)
    const sentence = `${algorithm}: its ${part} threw ${oneLine(showThrown(error))}`
    throw new MillraceError('E_EXPERIMENT', sentence, { algorithm, at }, options)
  }
}
