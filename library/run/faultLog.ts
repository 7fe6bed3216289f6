import { join } from 'node:path'
import type { FragmentFates } from '../../learner/fragmentFates.ts'
import type { RunObserver } from '../../learner/observer.ts'
import type { RunCloud } from '../../learner/runCloud.ts'
import { RUN_FILES } from '../../learner/runFiles.ts'
import type { FaultSetting } from '../../shared/faults/index.ts'
import { type FaultRecord, faultRecord } from './faultRecord.ts'
import type { RunFolder } from './runFolder.ts'

/** An attempt that is killed leaves what it had met up to so long before. */
const EVERY_MS = 1_000

export interface FaultLogOptions {
  readonly folder: RunFolder | undefined
  readonly cloud: RunCloud
  readonly setting: FaultSetting
  readonly attempt: number
  readonly every: (ms: number, tick: () => void) => () => void
}

/** Keeps `faults.json` of a run folder: what this attempt at the run met, behind what the attempts before it did. */
export class FaultLog {
  readonly observer: RunObserver
  private readonly options: FaultLogOptions
  private readonly before: Promise<readonly unknown[]>
  private readonly stop: () => void
  private fates: FragmentFates | undefined
  private warnings = 0
  private writing: Promise<unknown> = Promise.resolve()

  constructor(options: FaultLogOptions) {
    this.options = options
    this.before = earlierRecords(options.folder)
    this.observer = {
      onEveryEvent: () => void this.warnings++,
      onFates: (fates) => void (this.fates = fates),
    }
    // What cannot be written now is written at the end, or said there.
    this.stop = options.every(
      EVERY_MS,
      () => void (this.writing = this.writing.then(() => this.write()).catch(() => {})),
    )
  }

  /** The whole record, once the cloud is closed. @throws MillraceError E_DISK */
  async close(): Promise<FaultRecord | undefined> {
    this.stop()
    await this.writing
    return await this.write()
  }

  private async write(): Promise<FaultRecord | undefined> {
    const { folder, cloud, setting, attempt } = this.options
    const known = cloud.faultReport?.()
    if (known === undefined) return undefined
    const { fates, warnings } = this
    const record = fates
      ? faultRecord({ attempt, setting, cloud: known, fates, warnings })
      : { attempt, setting, injected: known.injected }
    await folder?.writeJson(RUN_FILES.faults, { format: 1, attempts: [...(await this.before), record] })
    return record
  }
}

async function earlierRecords(folder: RunFolder | undefined): Promise<readonly unknown[]> {
  if (!folder) return []
  try {
    const read: unknown = JSON.parse(String(await folder.files.readFile(join(folder.path, RUN_FILES.faults))))
    const attempts = typeof read === 'object' && read !== null && 'attempts' in read ? read.attempts : undefined
    return Array.isArray(attempts) ? attempts : []
  } catch {
    return [] // there is none yet
  }
}
