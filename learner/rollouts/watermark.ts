/** Which sequence numbers of a stream were seen: everything under `next`, and a few ahead of it. */
export class Watermark {
  private readonly ahead = new Set<number>()
  /** The first sequence number not seen yet. */
  next = 0

  has(sequence: number): boolean {
    return sequence < this.next || this.ahead.has(sequence)
  }

  add(sequence: number): void {
    this.ahead.add(sequence)
    while (this.ahead.delete(this.next)) this.next++
  }
}
