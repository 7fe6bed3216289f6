import { showThrown } from '../shared/showValue.ts'
import { userTrace } from '../shared/userCode/index.ts'

/**
 * What a user's timer throws, or a promise that nobody waits for, ends a function, and all that its platform passes on is the error's
 * message. So the place in the user's files, and what the error was caused by, are put into that.
 */
export function placeOfUncaught(): void {
  process.on('uncaughtExceptionMonitor', addPlace)
  process.prependListener('unhandledRejection', addPlace) // the runtime's own listener ends the process
}

/** Does nothing to what is no Error, or lets nobody change its message. */
export function addPlace(thrown: unknown): void {
  const { at } = userTrace(thrown)
  if (at === undefined || !(thrown instanceof Error)) return
  const text = showThrown(thrown)
  const said = text.startsWith(`${thrown.name}: `) ? text.slice(thrown.name.length + 2) : text
  try {
    thrown.message = `${at} threw in a timer or a promise that nobody waits for: ${said}`
  } catch {
    return // it is frozen
  }
}
