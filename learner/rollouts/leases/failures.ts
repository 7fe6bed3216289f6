/** Leases of a shard that came to nothing, one after the other. Whatever shows that the shard works forgets them. */
export class Failures {
  /** By shard and lease: when it was issued, oldest first. */
  private readonly shards = new Map<number, Map<string, number>>()

  /**
   * @param issuedAt monotonic ms
   * @returns how many there are by now, and when the first of them was issued
   */
  add(shard: number, lease: string, issuedAt: number): { readonly count: number; readonly since: number } {
    const leases = this.shards.get(shard) ?? new Map<string, number>()
    this.shards.set(shard, leases.set(lease, issuedAt))
    const [since = issuedAt] = leases.values()
    return { count: leases.size, since }
  }

  /** It turned out that this one was nobody's failure. */
  withdraw(shard: number, lease: string): void {
    this.shards.get(shard)?.delete(lease)
  }

  /** Called at every fragment. */
  forget(shard: number): void {
    if (this.shards.size > 0) this.shards.delete(shard)
  }
}
