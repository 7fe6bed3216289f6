import type { Clock } from '../../../shared/cloud/ports.ts'

export interface LogEntry {
  /** Numbered over all groups, so that a page can begin where the last one ended. */
  readonly n: number
  readonly at: number
  readonly stream: string
  readonly text: string
}

/** CloudWatch's longest event. */
const MAX_EVENT_CHARS = 256 * 1024
/** What is kept of a group; the oldest goes first. */
const MAX_GROUP_CHARS = 16 * 1024 * 1024
/** Streams with half a line outstanding. */
const MAX_PARTIAL = 1000

interface Group {
  entries: LogEntry[]
  /** Where the ring begins in `entries`: taking the first off an array moves all the others. */
  head: number
  chars: number
  readonly createdMs: number
}

/** What functions and learner wrote, line by line, in groups of bounded size. */
export class LogStore {
  readonly #clock: Clock
  readonly #groups = new Map<string, Group>()
  readonly #partial = new Map<string, string>()
  #n = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Makes a group that nothing was written to yet; one that is there stays. */
  create(name: string): void {
    this.#group(name)
  }

  /** Takes output as it comes; a line counts when it is whole. */
  write(group: string, stream: string, chunk: string): void {
    const key = `${group}\n${stream}`
    const lines = ((this.#partial.get(key) ?? '') + chunk).split('\n')
    const rest = lines.pop() ?? ''
    this.#partial.delete(key)
    for (const line of lines) this.#add(group, stream, line)
    if (rest.length > MAX_EVENT_CHARS || (rest !== '' && this.#partial.size >= MAX_PARTIAL))
      this.#add(group, stream, rest)
    else if (rest !== '') this.#partial.set(key, rest)
  }

  /** The stream has ended: half a line is a line. */
  end(group: string, stream: string): void {
    this.write(group, stream, this.#partial.has(`${group}\n${stream}`) ? '\n' : '')
  }

  /** From the entry numbered `from` on, in order; undefined when there is no such group. */
  read(name: string, from = 0): readonly LogEntry[] | undefined {
    const group = this.#groups.get(name)
    if (group === undefined) return undefined
    let at = group.head
    while (at < group.entries.length && (group.entries[at]?.n ?? 0) < from) at++
    return group.entries.slice(at)
  }

  groups(prefix = ''): readonly { readonly name: string; readonly createdMs: number; readonly chars: number }[] {
    return [...this.#groups]
      .filter(([name]) => name.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { createdMs, chars }]) => ({ name, createdMs, chars }))
  }

  #group(name: string): Group {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = { entries: [], head: 0, chars: 0, createdMs: this.#clock.now() }
      this.#groups.set(name, group)
    }
    return group
  }

  #add(name: string, stream: string, line: string): void {
    const text = line.slice(0, MAX_EVENT_CHARS).replace(/\r$/, '')
    if (text === '') return // CloudWatch has no empty events
    const group = this.#group(name)
    group.entries.push({ n: ++this.#n, at: this.#clock.now(), stream, text })
    group.chars += text.length
    while (group.chars > MAX_GROUP_CHARS) group.chars -= group.entries[group.head++]?.text.length ?? 0
    if (group.head > 1000 && group.head * 2 > group.entries.length) {
      group.entries = group.entries.slice(group.head)
      group.head = 0
    }
  }
}
