const GONE = /^The service (was stopped|is no longer running)/
const TRIES = 3

/**
 * Builds with esbuild, and once more where esbuild's own process has ended: Ctrl-C in a terminal reaches that process too. Whether
 * to go on after Ctrl-C is for the caller to say, not for the bundler.
 *
 * @param forget makes esbuild start another process at the next build (esbuild's `stop`)
 */
export async function withService<T>(build: () => Promise<T>, forget: () => Promise<unknown>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await build()
    } catch (error) {
      if (tries === TRIES || !(error instanceof Error) || !GONE.test(error.message)) throw error
      await forget()
    }
  }
}
