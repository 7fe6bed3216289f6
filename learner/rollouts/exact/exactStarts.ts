import type { SampleBatch } from '../../../shared/batch/sampleBatch.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { SAVE_POINT_NOTE, parseSavePoint } from '../../../shared/rollout/leaseState.ts'
import type { LeaseStart } from '../leases/issuer.ts'
import type { SavedStates } from './savedStates.ts'

const CUT =
  'the env has no save and load, and its envs started anew where a lease ended by the clock; give it save and load'

/** A machine may be busy for a while: so many leases in a row that come to nothing new are too many. */
const MOST_FRUITLESS = 3
const TOO_LONG =
  'the env has no save and load, and a lease (rollouts.leaseSeconds) is too short for the fragments after which its envs start anew ' +
  '(rollouts.leaseFragments); raise the one, lower the other, or give the env save and load'

export interface ExactStartsOptions {
  readonly run: string
  readonly states: SavedStates
  /** Messages of the same steps; 1 unless told. Between them there is no state to go on from. */
  readonly rounds?: number | undefined
  /** The first sequence number of a shard that has not come. */
  readonly firstMissing: (shard: number) => number
  /** The run cannot be repeated bit for bit any more; told once. */
  readonly onBroken: (reason: string) => void
}

/**
 * Where the leases of an exact pace begin. What a fragment holds follows from (run seed, shard, sequence) and the policies, whatever
 * became of the functions: after a loss a shard is stepped again from its newest saved state, and only what has not come is sent.
 */
export class ExactStarts {
  private readonly options: ExactStartsOptions
  /** By shard: where the last lease began that came to no new state. */
  private readonly fruitless = new Map<number, number>()

  /** By shard: leases with a fixed end that brought nothing new. */
  private readonly fruitlessInARow = new Map<number, number>()

  constructor(options: ExactStartsOptions) {
    this.options = options
  }

  /** A fragment tells where its function saved the envs before it. */
  heard({ provenance, notes }: SampleBatch): void {
    const { run, states } = this.options
    const { shard, lease, sequence } = provenance
    const point = parseSavePoint(notes[SAVE_POINT_NOTE])
    if (!point || point.sequence > sequence) return
    const state = { key: keys.savePoint(run, shard, lease, point.sequence), sha256: point.sha256 }
    states.add(shard, { sequence: point.sequence, state })
  }

  /** A lease ended without an error. @param start where it began */
  after(report: LeaseReport, start: LeaseStart): LeaseStart {
    const { states, rounds = 1 } = this.options
    const { shard, end, nextSequence: next, episodesCut, envStateProblem } = report
    this.keep(report)
    // It did nothing.
    if (next === undefined || next <= start.firstSequence) return start
    if (Number.isFinite(states.nextStart(next))) return this.afterFixed(report, start, next)
    // One that ended amid the messages of a fragment says nothing of its envs: they are stepped again.
    const isAmid = next % rounds !== 0
    const stuck = end === 'deadline' && !isAmid && states.before(shard, next)?.sequence === start.firstSequence
    const unsaveable = episodesCut !== undefined && envStateProblem === undefined
    if (stuck && (unsaveable || this.fruitless.get(shard) === start.firstSequence))
      this.begin(shard, next, envStateProblem ?? CUT)
    if (stuck) this.fruitless.set(shard, start.firstSequence)
    return this.from(shard, next, Math.max(next, start.sendFrom ?? 0))
  }

  /** Its envs start anew at fixed places: one that ended before such a place is stepped again, for as long as that brings anything new. */
  private afterFixed({ shard, end }: LeaseReport, start: LeaseStart, next: number): LeaseStart {
    const { firstSequence, sendFrom = firstSequence } = start
    const isWhole = next >= this.options.states.nextStart(firstSequence)
    const isFruitless = end === 'deadline' && !isWhole && next <= sendFrom
    const inARow = isFruitless ? (this.fruitlessInARow.get(shard) ?? 0) + 1 : 0
    this.fruitlessInARow.set(shard, inARow)
    if (inARow >= MOST_FRUITLESS) {
      this.begin(shard, sendFrom, TOO_LONG)
      return this.from(shard, sendFrom, sendFrom)
    }
    return this.from(shard, next, Math.max(next, sendFrom))
  }

  /** Do the episodes that were under way end with this lease, and is it not stepped again from its beginning? */
  cuts({ nextSequence: next = 0 }: LeaseReport, { firstSequence }: LeaseStart): boolean {
    const until = this.options.states.nextStart(firstSequence)
    return !Number.isFinite(until) || next >= until
  }

  /** A lease failed. Where it could not go on from the state that it was given, nobody is given that again. @returns whether that is so */
  unusable({ shard, envStateProblem }: LeaseReport, { envState }: LeaseStart): boolean {
    if (envStateProblem === undefined || !envState) return false
    this.options.states.drop(shard, envState.key)
    return true
  }

  /** A shard's lease failed or was lost, or it has none yet. */
  again(shard: number): LeaseStart {
    const missing = this.options.firstMissing(shard)
    return this.from(shard, missing, missing)
  }

  /** One that steps and sends these again. @param to the sequence number after the last of them */
  repair(shard: number, { from, to }: { readonly from: number; readonly to: number }): LeaseStart {
    const start = this.from(shard, from, from)
    const most = Math.min(to, this.options.states.nextStart(start.firstSequence)) - start.firstSequence
    return { ...start, maxFragments: most }
  }

  /** A goodbye that comes too late: what it left is as good as any. */
  keep({ run, shard, lease, envState, nextSequence }: LeaseReport): void {
    if (!envState || nextSequence === undefined || envState.key !== keys.envState(run, shard, lease)) return
    this.options.states.add(shard, { sequence: nextSequence, state: envState })
  }

  /** The envs start anew where they were to go on: nothing else is left. */
  private begin(shard: number, sequence: number, why: string): void {
    this.options.onBroken(why)
    this.options.states.add(shard, { sequence })
  }

  /** A lease that begins at or before `sequence`, and sends from `sendFrom` on. */
  private from(shard: number, sequence: number, sendFrom: number): LeaseStart {
    const { states } = this.options
    if (!states.before(shard, sequence)) this.begin(shard, sequence, 'no saved state of the envs is left to go on from')
    const { sequence: firstSequence, state: envState } = states.before(shard, sequence) ?? { sequence }
    const most = states.nextStart(firstSequence) - firstSequence
    return {
      firstSequence,
      envState,
      ...(sendFrom > firstSequence && { sendFrom }),
      ...(Number.isFinite(most) && { maxFragments: most }),
    }
  }
}
