import { MillraceError, isMillraceError } from '../shared/errors.ts'
import { showThrown } from '../shared/showValue.ts'
import { loadedTrace } from '../shared/userCode/index.ts'

/** What nothing caught, as it is reported: where it came from the user's code, that is said, with the place. */
export function uncaught(thrown: unknown): unknown {
  const { stack } = loadedTrace(thrown)
  if (stack === undefined || isMillraceError(thrown)) return thrown
  const text = `the experiment's code threw in a timer or a promise that nobody waits for: ${showThrown(thrown)}`
  return new MillraceError('E_EXPERIMENT', text, {}, { cause: thrown, userStack: stack })
}
