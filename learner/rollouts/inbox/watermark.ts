/** Which sequence numbers of a stream were seen: everything under `next`, and a few ahead of it. */
export class Watermark {
  private readonly ahead = new Set<number>()
  /** The first sequence number not seen yet. */
  next: number
  /** The sequence number after the last one seen. */
  end: number

  /** @param from those before it count as seen */
  constructor(from = 0) {
    this.next = this.end = from
  }

  has(sequence: number): boolean {
    return sequence < this.next || this.ahead.has(sequence)
  }

  add(sequence: number): void {
    this.end = Math.max(this.end, sequence + 1)
    this.ahead.add(sequence)
    while (this.ahead.delete(this.next)) this.next++
  }
}
