import type { Clock } from '../../shared/cloud/ports.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import type { CostMeter } from '../../shared/cost/costMeter.ts'
import { encodeCheckpoint } from './checkpoint.ts'
import type { ExactState } from './exactState.ts'
import type { Reporter } from '../run/reporter.ts'
import type { RunState } from '../run/state.ts'
import type { Learner } from '../training/learner.ts'

/** How often a run is saved, and where its checkpoints go. */
export interface CheckpointSetting {
  readonly everyMs: number
  /**
   * The first checkpoint comes with the first update, the second this long after it. Each interval is twice the one before, up to `everyMs`, so
   * that a run that dies early loses at most half of what it did. By default `everyMs`.
   */
  readonly firstMs?: number
  /** Save the run also when it ends by itself or fails. By default only when it is interrupted. */
  readonly atEveryEnd?: boolean
  /** Hand the policy of the checkpoint to `save`, too. */
  readonly withPolicy?: boolean
  /** Called for one checkpoint at a time. A failure becomes an event; the next checkpoint is tried when it is due. */
  save(checkpoint: Uint8Array, updates: number, policy?: CheckpointPolicy): Promise<void>
}

/** The policy that belongs to a checkpoint. */
export interface CheckpointPolicy {
  /** ONNX. */
  readonly model: Uint8Array
  readonly spec: PolicySpec
}

export interface CheckpointerParts {
  readonly run: string
  /** See `experimentHash`. */
  readonly experiment: string
  readonly spec: PolicySpec
  readonly state: RunState
  readonly learner: Learner
  readonly meter: CostMeter
  readonly reporter: Reporter
  readonly clock: Clock
  /** What is to be saved beside for a run that repeats bit for bit; settled before its first wait. */
  readonly exact?: ((updates: number) => Promise<ExactState | undefined>) | undefined
  readonly onEvent: (text: string) => void
}

/**
 * Saves a run while it goes on. Right after an update the clocks are copied and the learner is asked for a copy of its state, both
 * before anything of the next update: the copies agree, and training waits for no more than them.
 */
export class Checkpointer {
  private readonly setting: CheckpointSetting
  private readonly parts: CheckpointerParts
  private saving: Promise<void> | undefined
  private lastMs: number
  private savedAt: number
  /** Until the next one, and between that and the one after it. */
  private intervalMs = 0
  private nextMs: number

  constructor(setting: CheckpointSetting, parts: CheckpointerParts) {
    this.setting = setting
    this.parts = parts
    this.lastMs = parts.clock.monotonic()
    this.savedAt = parts.state.clocks.updates
    this.nextMs = setting.firstMs ?? setting.everyMs
    parts.state.onTrained = () => this.due()
  }

  /** Saves the final state, once nothing of the run is working any more. */
  async last(): Promise<void> {
    this.parts.state.onTrained = () => undefined
    await this.saving
    await this.save()
  }

  /** Waits for a save that is under way. */
  async close(): Promise<void> {
    this.parts.state.onTrained = () => undefined
    await this.saving
  }

  private due(): void {
    const now = this.parts.clock.monotonic()
    if (this.saving || now - this.lastMs < this.intervalMs) return
    this.lastMs = now
    this.intervalMs = this.nextMs
    this.nextMs = Math.min(this.setting.everyMs, this.nextMs * 2)
    this.saving = this.save().finally(() => {
      this.saving = undefined
    })
  }

  private async save(): Promise<void> {
    const { run, experiment, spec, state, learner, meter, reporter, exact, onEvent } = this.parts
    const snapshot = state.save()
    const { updates } = snapshot.clocks
    if (updates === this.savedAt) return
    try {
      // Asked for in the same moment as the snapshot above.
      const policy = this.setting.withPolicy ? learner.policy() : Promise.resolve(undefined)
      const [program, model, repeats] = await Promise.all([learner.save(), policy, exact?.(updates)])
      const report = reporter.save(updates)
      const costByPart = meter.byPart()
      const bytes = encodeCheckpoint({ run, experiment, program, state: snapshot, report, costByPart, exact: repeats })
      await this.setting.save(bytes, updates, model && { model, spec })
      this.savedAt = updates
    } catch (error) {
      onEvent(`no checkpoint at update ${updates}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
