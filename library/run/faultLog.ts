import { join } from 'node:path'
import type { AttemptFates } from '../../learner/run/fragmentFates.ts'
import type { RunObserver } from '../../learner/run/observer.ts'
import type { RunCloud } from '../../learner/run/cloud.ts'
import { RUN_FILES } from '../../learner/run/files.ts'
import type { FaultSetting } from '../../shared/faults/index.ts'
import { type AttemptEnd, type FaultRecord, type WentOn, faultRecord, settled } from './faultRecord.ts'
import type { RunFolder } from './runFolder.ts'

/** An attempt that is killed leaves an account of what it was at most so long before. */
const EVERY_MS = 250
const FORMAT = 2

export interface FaultLogOptions {
  readonly folder: RunFolder | undefined
  readonly cloud: RunCloud
  readonly setting: FaultSetting
  readonly attempt: number
  /** Where this attempt goes on. */
  readonly from: WentOn
  readonly every: (ms: number, tick: () => void) => () => void
  /** ms since the epoch */
  readonly now: () => number
}

/** Keeps `faults.json` of a run folder: what this attempt at the run met, behind what the attempts before it did. */
export class FaultLog {
  readonly observer: RunObserver
  private readonly options: FaultLogOptions
  private readonly before: Promise<readonly FaultRecord[]>
  private readonly began: number
  private readonly stop: () => void
  private fates: (() => AttemptFates) | undefined
  private warnings = 0
  private writing: Promise<unknown> = Promise.resolve()

  constructor(options: FaultLogOptions) {
    this.options = options
    this.began = options.now()
    this.before = earlierRecords(options.folder, options.from)
    this.observer = {
      onEveryEvent: () => void this.warnings++,
      onFates: (fates) => void (this.fates = fates),
    }
    this.stop = options.every(EVERY_MS, () => void this.note())
    void this.note()
  }

  /**
   * Writes where the attempt stands. To be waited for before a checkpoint is visible: the account then knows of every fragment that the
   * checkpoint was trained on. What cannot be written now is written at the end, or said there.
   */
  async note(): Promise<void> {
    await (this.writing = this.writing.then(() => this.write('running')).catch(() => {}))
  }

  /** The records of all attempts, once the cloud is closed. @throws MillraceError E_DISK */
  async close(end: AttemptEnd): Promise<readonly FaultRecord[]> {
    this.stop()
    await this.writing
    return await this.write(end)
  }

  private async write(end: AttemptEnd): Promise<readonly FaultRecord[]> {
    const before = await this.before
    // From here to the record nothing waits: both sides of the account are of one moment.
    const record = this.record(end)
    if (!record) return []
    const attempts = [...before, record]
    await this.options.folder?.writeJson(RUN_FILES.faults, { format: FORMAT, attempts })
    return attempts
  }

  private record(end: AttemptEnd): FaultRecord | undefined {
    const { cloud, setting, attempt, from, now } = this.options
    const known = cloud.faultReport?.()
    if (!known) return undefined
    return faultRecord({
      attempt,
      setting,
      end,
      elapsedMs: now() - this.began,
      beganTrainedSteps: from.trainedSteps,
      cloud: known,
      failedCalls: known.failedCalls,
      warnings: this.warnings,
      fates: this.fates?.(),
    })
  }
}

/** Those of a file that this version of Millrace wrote. */
async function earlierRecords(folder: RunFolder | undefined, from: WentOn): Promise<readonly FaultRecord[]> {
  if (!folder) return []
  try {
    const text = String(await folder.files.readFile(join(folder.path, RUN_FILES.faults)))
    const read = JSON.parse(text) as { readonly format?: number; readonly attempts?: readonly FaultRecord[] }
    return read.format === FORMAT ? (read.attempts ?? []).map((record) => settled(record, from)) : []
  } catch {
    return [] // there is none yet
  }
}
