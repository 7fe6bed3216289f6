/** Longest time to wait for an update that is under way. */
const PATIENCE_MS = 300_000

/**
 * Waits for work that ends by itself soon after `signal` aborts.
 *
 * @returns false when it has not, five minutes later: something in it hangs
 * @throws what the work fails with
 */
export async function endsAfter(signal: AbortSignal, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  let begin = () => {}
  const hangs = new Promise<false>((resolve) => {
    begin = () => {
      timer = setTimeout(() => resolve(false), PATIENCE_MS)
    }
    if (signal.aborted) begin()
    else signal.addEventListener('abort', begin, { once: true })
  })
  try {
    return await Promise.race([work.then(() => true), hangs])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', begin)
  }
}
