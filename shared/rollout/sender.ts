/**
 * Runs sends beside stepping with a bound on how many are in flight. The first failure is kept and thrown at the next
 * call, so that a lease ends with the error of its queue and not with a silent loss.
 */
export class Sender {
  private readonly limit: number
  private readonly inFlight = new Set<Promise<void>>()
  private failed: { readonly error: unknown } | undefined

  /** @param limit sends in flight at most, an integer > 0 */
  constructor(limit: number) {
    this.limit = limit
  }

  /** Starts a send once there is room for it. @throws what an earlier send failed with */
  async start(send: () => Promise<void>): Promise<void> {
    while (this.inFlight.size >= this.limit) await Promise.race(this.inFlight)
    this.check()
    const sending: Promise<void> = send()
      .catch((error: unknown) => {
        this.failed ??= { error }
      })
      .finally(() => this.inFlight.delete(sending))
    this.inFlight.add(sending)
  }

  /** Waits for all sends. @throws what one of them failed with */
  async drain(): Promise<void> {
    await Promise.all(this.inFlight)
    this.check()
  }

  /** Has a send failed? */
  get failing(): boolean {
    return this.failed !== undefined
  }

  /** @throws what a send failed with */
  check(): void {
    if (this.failed) throw this.failed.error
  }
}
