import { Graphs } from '../stages/graphs.ts'
import { Policies } from './policies.ts'
import { RolloutWorker } from './rolloutWorker.ts'

/** The workers of one execution environment, one for each lease that it works on at a time. They outlive an invocation, and share policies and graphs. */
export class RolloutWorkers {
  private readonly open = { policies: new Policies(), graphs: new Graphs() }
  private readonly workers: RolloutWorker[] = []

  /** So many of them, each as its last lease left it. The envs of the others are ended. */
  take(count: number): readonly RolloutWorker[] {
    while (this.workers.length < count) this.workers.push(new RolloutWorker(this.open))
    for (const spare of this.workers.slice(count)) spare.close()
    return this.workers.slice(0, count)
  }

  /** Ends all envs. */
  close(): void {
    for (const worker of this.workers) worker.close()
  }
}
