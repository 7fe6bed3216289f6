import { rolloutColumnSpecs } from '../batch/rolloutColumnSpecs.ts'
import { MillraceError } from '../errors.ts'
import type { PolicySession } from '../policy/session.ts'
import type { Lease } from '../protocol/lease.ts'
import type { GraphSession } from '../stages/graphSession.ts'
import { type OpenStages, type StagePolicy, openStages } from '../stages/index.ts'
import type { Collected } from './rolloutWorker.ts'

/** What a lease sends: fragments through its stages, and several messages of one where a stage makes them. */
export class StagedFragments {
  private stages: OpenStages | undefined
  private policy: StagePolicy | undefined
  /** The steps that further messages are made of. */
  private kept: Collected | undefined

  /** @throws MillraceError E_LEASE, and whatever a stage needs and cannot have */
  async open(lease: Lease, graph: (name: string) => Promise<GraphSession>): Promise<void> {
    this.close()
    this.stages = undefined
    if (lease.stages.length === 0) return
    const { fragmentLength: T, numEnvs: B, seed, shard, policy } = lease
    const ports = { T, B, seed, shard, graph, policy: () => this.current }
    this.stages = await openStages(lease, ports, rolloutColumnSpecs(policy))
  }

  usePolicy(session: PolicySession, version: number, model: Uint8Array): void {
    this.policy = { version, model, values: async (observations) => await session.values(observations) }
  }

  /** Does the message with this sequence number begin with new steps? */
  stepsAt(sequence: number): boolean {
    return sequence % (this.stages?.rounds ?? 1) === 0
  }

  /** @param collect makes the steps */
  async next(sequence: number, collect: () => Promise<Collected>): Promise<Collected> {
    const { stages } = this
    if (!stages) return await collect()
    if (!this.stepsAt(sequence)) return { batch: await stages.again(sequence), release: () => undefined }
    this.close()
    const made = await collect()
    try {
      const batch = await stages.apply(made.batch)
      if (stages.rounds === 1) return { batch, release: made.release }
      this.kept = made
      return { batch, release: () => undefined }
    } catch (error) {
      made.release()
      throw error
    }
  }

  /** Gives back the memory of what is kept. */
  close(): void {
    this.kept?.release()
    this.kept = undefined
  }

  private get current(): StagePolicy {
    if (this.policy) return this.policy
    throw new MillraceError('E_INTERNAL', 'a stage asked for the policy before there was one')
  }
}
