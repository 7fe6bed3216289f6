import { z } from 'zod'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { MetricsThinning, hasLine } from '../run/metricsThinning.ts'
import type { UpdateLine } from '../run/observer.ts'
import { parsedOrUndefined } from './bucketRecords.ts'
import type { Fence } from './fence.ts'

const PIECE_CHARACTERS = 256 * 1024

/** The metrics log of a run in the bucket: numbered pieces of JSON lines, one line an update (of a very long run, fewer). */
export class MetricsPieces {
  private readonly fence: Fence
  private readonly run: string
  private readonly thinning = new MetricsThinning()
  private held: string[] = []
  private characters = 0
  /** Pieces that are in the bucket. */
  stored: number

  /** @param stored pieces that are there already; they stay */
  constructor(fence: Fence, run: string, stored: number) {
    this.fence = fence
    this.run = run
    this.stored = stored
  }

  add(line: UpdateLine): void {
    if (this.thinning.takes(line)) this.hold(line)
  }

  /** The run is over: its last update has a line in any case. */
  end(): void {
    const rest = this.thinning.rest()
    if (rest) this.hold(rest)
  }

  private hold(line: UpdateLine): void {
    const text = `${JSON.stringify(line)}\n`
    this.held.push(text)
    this.characters += text.length
  }

  /** Is there enough for a piece, however short the time since the last one? */
  get full(): boolean {
    return this.characters >= PIECE_CHARACTERS
  }

  /**
   * Stores what came since the last piece; to be called once at a time. What could not be stored is in the next one.
   *
   * @throws MillraceError E_STORE, E_LEARNER
   */
  async flush(): Promise<void> {
    const lines = this.held.length
    if (lines === 0) return
    const text = this.held.join('')
    await this.fence.put(keys.metrics(this.run, this.stored), new TextEncoder().encode(text))
    this.held.splice(0, lines)
    this.characters -= text.length
    this.stored++
  }
}

/** Of a line of the log, what is needed here. */
const Line = z.object({ updates: z.number() })

/**
 * Takes back what an earlier attempt logged after the update that the next one goes on from, so that each update is there once. A line that
 * cannot be read goes too.
 *
 * @param pieces how many there are
 * @returns how many stay
 */
export async function trimMetrics(
  { store, fence }: { readonly store: ObjectStore; readonly fence: Fence },
  run: string,
  { pieces, updates }: { readonly pieces: number; readonly updates: number },
): Promise<number> {
  for (let piece = pieces - 1; piece >= 0; piece--) {
    const key = keys.metrics(run, piece)
    const found = await store.get(key)
    if (found.kind !== 'found') continue
    const lines = new TextDecoder().decode(found.body).split('\n').filter(Boolean)
    const kept = lines.filter((line) => {
      const at = parsedOrUndefined(Line, line)?.updates
      // The last line of the attempt before may be of an update that has none in a run that goes on.
      return at !== undefined && at <= updates && hasLine(at)
    })
    if (kept.length === 0) continue
    if (kept.length < lines.length) await fence.put(key, new TextEncoder().encode(kept.map((l) => `${l}\n`).join('')))
    return piece + 1
  }
  return 0
}
