import { placeOfUncaught } from './uncaught.ts'

let prepared = false

/**
 * Makes this process a function's own.
 *
 * - It ends in order when the platform tells it to (SIGTERM), so that envs are closed at its exit. The emulated cloud always tells;
 *   Lambda tells only functions that have an extension.
 * - Stacks that the user's code prints itself name the user's files, and so does an error that nothing catches.
 */
export function ownProcess(): void {
  if (prepared) return
  prepared = true
  process.setSourceMapsEnabled(true)
  placeOfUncaught()
  process.once('SIGTERM', () => process.exit(128 + 15))
}
