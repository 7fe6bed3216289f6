import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import type { ExactStarts } from '../exact/exactStarts.ts'
import type { Handover } from './handover.ts'
import type { LeaseStart } from './issuer.ts'

export interface NextStartOptions {
  /** The sequence number with which a shard goes on after a lease that was lost or failed and may have sent those before `sentUpTo`. */
  readonly goOnAt: (shard: number, sentUpTo: number) => number
  /** Where leases of an exact pace begin. */
  readonly starts?: ExactStarts | undefined
  readonly handover: Pick<Handover, 'next' | 'again' | 'forget' | 'late' | 'told'>
}

/** Where a shard's next lease begins, by what became of its last. Only in an exact pace that has to be where the last one stood. */
export class NextStart {
  private readonly options: NextStartOptions

  constructor(options: NextStartOptions) {
    this.options = options
  }

  first(shard: number): LeaseStart {
    return this.options.starts?.again(shard) ?? { firstSequence: 0 }
  }

  /** It ended in order. */
  afterEnd(report: LeaseReport, start: LeaseStart): LeaseStart {
    const { starts, handover } = this.options
    if (!starts) return { firstSequence: start.firstSequence + report.fragments, envState: handover.next(report) }
    handover.told(starts.cuts(report, start) ? report : { ...report, episodesCut: 0 })
    return starts.after(report, start)
  }

  /** It ended with an error. */
  afterError(report: LeaseReport, start: LeaseStart): LeaseStart {
    const { starts, handover, goOnAt } = this.options
    if (starts) {
      handover.told(report)
      return starts.again(report.shard)
    }
    handover.next(report)
    // A lease that failed may have lost one fragment and sent the next.
    return { firstSequence: goOnAt(report.shard, start.firstSequence + report.fragments) }
  }

  /** It was lost, or crashed, without a word. */
  afterLoss(shard: number, start: LeaseStart): LeaseStart {
    const { starts, handover, goOnAt } = this.options
    if (starts) return starts.again(shard)
    handover.forget(shard)
    return { firstSequence: goOnAt(shard, start.firstSequence) }
  }

  /** It was never begun. */
  again(shard: number, start: LeaseStart): LeaseStart {
    const { starts, handover, goOnAt } = this.options
    return starts ? start : { firstSequence: goOnAt(shard, start.firstSequence), envState: handover.again(shard) }
  }

  /** A goodbye of a lease that another has taken the place of. */
  late(report: LeaseReport): void {
    const { starts, handover } = this.options
    if (starts) starts.keep(report)
    else handover.late(report)
  }

  /** Did it fail for the state that it was given, which is given to nobody any more? */
  isOfState(report: LeaseReport, start: LeaseStart): boolean {
    return this.options.starts?.unusable(report, start) ?? false
  }
}
