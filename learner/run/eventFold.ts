import { oneLine } from '../../shared/oneLine.ts'
import type { RunEvent } from './observer.ts'

/** A kind that was not seen for this long is shown in full again. */
const QUIET_MS = 60_000
/** Time between two counts of one kind. It doubles with every count. */
const COUNT_MS = { first: 5_000, last: 60_000 }
/** Kinds remembered at once. Beyond it the least recently seen one is forgotten. */
const MAX_KINDS = 200
/** Characters of the first of a kind in a count of it. */
const HEAD_CHARACTERS = 48

/** The state of one kind of event, until it has been quiet for a while. */
interface Kind {
  readonly level: RunEvent['level']
  readonly head: string
  /** Seen and not yet reported. */
  more: number
  readonly shards: Set<number>
  lastMs: number
  nextCountMs: number
  pauseMs: number
}

export interface EventFoldOptions {
  readonly emit: (event: RunEvent) => void
  /** ms of any clock that never runs back. */
  readonly now: () => number
}

/**
 * Folds events that differ in numbers only. The first of a kind is reported as it is. Later ones are counted, and the count is reported at
 * a bounded rate and at the end. Reported events and counts add up to all events.
 */
export class EventFold {
  private readonly options: EventFoldOptions
  /** By kind, the most recently seen last. */
  private readonly kinds = new Map<string, Kind>()
  /** The kind reported last. */
  private told: string | undefined

  constructor(options: EventFoldOptions) {
    this.options = options
  }

  add(event: RunEvent): void {
    const now = this.options.now()
    const key = kindOf(event)
    const known = this.kinds.get(key)
    this.kinds.delete(key)
    if (!known || now - known.lastMs > QUIET_MS) {
      if (known) this.count(key, known)
      this.kinds.set(key, begun(event, now))
      this.forget()
      this.told = key
      return this.options.emit(event)
    }
    this.kinds.set(key, known)
    known.more++
    known.lastMs = now
    shardsOf(event.text).forEach((shard) => known.shards.add(shard))
    this.countWhenDue(key, known, now)
  }

  /** Reports counts that are due. Call it about once a second. */
  tick(): void {
    const now = this.options.now()
    for (const [key, kind] of this.kinds) this.countWhenDue(key, kind, now)
  }

  /** Reports every count that is left. */
  close(): void {
    for (const [key, kind] of this.kinds) this.count(key, kind)
  }

  private countWhenDue(key: string, kind: Kind, now: number): void {
    if (now < kind.nextCountMs || kind.more === 0) return
    kind.pauseMs = Math.min(kind.pauseMs * 2, COUNT_MS.last)
    kind.nextCountMs = now + kind.pauseMs
    this.count(key, kind)
  }

  private count(key: string, kind: Kind): void {
    if (kind.more === 0) return
    const like = this.told === key ? 'this' : `"${kind.head}"`
    const from = kind.shards.size > 0 ? ` (${shardRanges(kind.shards)})` : ''
    const agoS = Math.round((this.options.now() - kind.lastMs) / 1000)
    const last = agoS > 0 ? `, the last ${agoS} s ago` : ''
    this.told = key
    this.options.emit({ level: kind.level, text: `… ${kind.more} more like ${like}${from}${last}` })
    kind.more = 0
    kind.shards.clear()
  }

  private forget(): void {
    if (this.kinds.size <= MAX_KINDS) return
    const [oldest] = this.kinds
    if (!oldest) return
    this.count(...oldest)
    this.kinds.delete(oldest[0])
  }
}

function begun({ level, text }: RunEvent, now: number): Kind {
  const line = oneLine(text)
  const head = line.length > HEAD_CHARACTERS ? `${line.slice(0, HEAD_CHARACTERS).trimEnd()}…` : line
  const { first } = COUNT_MS
  return { level, head, more: 0, shards: new Set(), lastMs: now, nextCountMs: now + first, pauseMs: first }
}

/** Sentences of one kind differ in numbers and in names made of hex digits only. */
function kindOf({ level, text }: RunEvent): string {
  return `${level} ${text.replace(/\b(?=[\da-f-]*\d)[\da-f]{8}[\da-f-]*\b/gi, '#').replace(/[+-]?\d[\d.,]*(?:e[+-]?\d+)?/gi, '#')}`
}

function shardsOf(text: string): number[] {
  return [...text.matchAll(/\bshard (\d+)/g)].map(([, shard]) => Number(shard))
}

/** `shard 3`, `shards 0-2, 7`. */
function shardRanges(shards: ReadonlySet<number>): string {
  const ranges: [number, number][] = []
  for (const shard of [...shards].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last && shard === last[1] + 1) last[1] = shard
    else ranges.push([shard, shard])
  }
  const text = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
  const shown = text.length > 6 ? [...text.slice(0, 5), `${text.length - 5} more`] : text
  return `${shards.size === 1 ? 'shard' : 'shards'} ${shown.join(', ')}`
}
