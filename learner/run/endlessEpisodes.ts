import type { RunState } from './state.ts'

/** After this time without a finished episode a run warns; then again after twice as long, and so on. */
const FIRST_MS = 60_000

export interface EndlessEpisodesOptions {
  /** Envs of all shards together. */
  readonly envs: number
  /** Has the run a goal on the mean return? Without finished episodes it cannot be reached. */
  readonly hasGoal: boolean
  /** Episodes that ended with a lease, because their env could not be saved. */
  readonly episodesCut: () => number
  readonly onEvent: (text: string) => void
}

/** Warns when envs are stepped and no episode ends: the mean return counts finished episodes only. */
export class EndlessEpisodes {
  private readonly state: Pick<RunState, 'clocks' | 'episodes'>
  private readonly options: EndlessEpisodesOptions
  private seen: { readonly episodes: number; readonly envSteps: number; readonly atMs: number } | undefined
  private waitMs = FIRST_MS

  constructor(state: Pick<RunState, 'clocks' | 'episodes'>, options: EndlessEpisodesOptions) {
    this.state = state
    this.options = options
  }

  /** To be called a few times a second. @param atMs of the run */
  look(atMs: number): void {
    const { episodes } = this.state.episodes
    const { envSteps } = this.state.clocks
    // Before the first steps nothing can have ended.
    if (!this.seen || this.seen.episodes !== episodes || envSteps === 0) {
      this.seen = { episodes, envSteps, atMs }
      this.waitMs = FIRST_MS
      return
    }
    if (atMs - this.seen.atMs < this.waitMs || envSteps === this.seen.envSteps) return
    this.tell(envSteps - this.seen.envSteps, atMs - this.seen.atMs)
    this.waitMs *= 2
  }

  private tell(envSteps: number, ms: number): void {
    const { envs, hasGoal, episodesCut, onEvent } = this.options
    const each = Math.floor(envSteps / envs)
    const cut = episodesCut()
    const goal = hasGoal ? ', and the goal on it cannot be reached' : ''
    const why =
      cut > 0
        ? `leases cut ${cut} of them: give the env save and load, or set rollouts.leaseSeconds`
        : 'does the env ever end one? maxEpisodeSteps is its time limit'
    onEvent(
      `no episode has ended for ${Math.round(ms / 1000)} s: ${envSteps} env steps, about ${each} of each env. ` +
        `The mean return is of finished episodes only${goal}; ${why}`,
    )
  }
}
