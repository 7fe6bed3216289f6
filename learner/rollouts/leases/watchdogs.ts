/** One timer a shard, for the word that its function owes. They do not keep the process running. */
export class Watchdogs {
  private readonly timers = new Map<number, NodeJS.Timeout>()

  set(shard: number, afterMs: number, bark: () => void): void {
    this.clear(shard)
    const timer = setTimeout(bark, afterMs)
    timer.unref()
    this.timers.set(shard, timer)
  }

  clear(shard: number): void {
    clearTimeout(this.timers.get(shard))
    this.timers.delete(shard)
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer)
    this.timers.clear()
  }
}
