import { Policies } from './policies.ts'
import { RolloutWorker } from './rolloutWorker.ts'

/** The workers of one execution environment, one for each lease that it works on at a time. They outlive an invocation, and share policies. */
export class RolloutWorkers {
  private readonly policies = new Policies()
  private readonly workers: RolloutWorker[] = []

  /** So many of them, each as its last lease left it. The envs of the others are ended. */
  take(count: number): readonly RolloutWorker[] {
    while (this.workers.length < count) this.workers.push(new RolloutWorker(this.policies))
    for (const spare of this.workers.slice(count)) spare.close()
    return this.workers.slice(0, count)
  }

  /** Ends all envs. */
  close(): void {
    for (const worker of this.workers) worker.close()
  }
}
