let listens = false

/**
 * Ends this process in order when the platform tells it to end (SIGTERM), so that envs are closed at its exit. The emulated cloud
 * always tells; Lambda tells only functions that have an extension.
 */
export function endWhenTold(): void {
  if (listens) return
  listens = true
  process.once('SIGTERM', () => process.exit(128 + 15))
}
