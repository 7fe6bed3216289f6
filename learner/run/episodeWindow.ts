/** Episodes over which a mean return is taken. */
export const EPISODE_WINDOW = 100

/** Mean return of the last episodes, RLlib's and Gymnasium's measure of training. */
export class EpisodeWindow {
  private readonly returns: Float64Array
  private next = 0
  /** Episodes finished since the start of the run. */
  episodes = 0

  /** @param size how many of the last episodes count, 100 by convention */
  constructor(size = EPISODE_WINDOW) {
    this.returns = new Float64Array(size)
  }

  add(episodeReturn: number): void {
    this.returns[this.next] = episodeReturn
    this.next = (this.next + 1) % this.returns.length
    this.episodes++
  }

  /** Returns of the last episodes, oldest first, as many as the window holds at most. */
  last(): Float64Array {
    const { length } = this.returns
    const held = Math.min(this.episodes, length)
    return Float64Array.from({ length: held }, (_, i) => this.returns[(this.next - held + i + length) % length] ?? 0)
  }

  /** Restores what `last` returned after this many episodes. */
  restore(last: ArrayLike<number>, episodes: number): void {
    // At the same places: a sum of doubles depends on their order.
    this.next = Math.max(0, episodes - last.length) % this.returns.length
    this.episodes = 0
    for (let i = 0; i < last.length; i++) this.add(last[i] ?? 0)
    this.episodes = episodes
  }

  /** True once the mean is over a full window: a goal counts only then. */
  get full(): boolean {
    return this.episodes >= this.returns.length
  }

  /** Null before the first episode; over fewer episodes than the window holds while it is not full. */
  mean(): number | null {
    const held = Math.min(this.episodes, this.returns.length)
    if (held === 0) return null
    let sum = 0
    for (let i = 0; i < held; i++) sum += this.returns[i] ?? 0
    return sum / held
  }
}
