import type { Signal } from '../../cli/exitCodes.ts'
import type { Host } from '../../cli/host.ts'
import { noColors, unicodeGlyphs, type Terminal, type Variables } from '../../cli/terminal.ts'

/** A host whose terminal is a string, whose clock stands still until told, and whose timers are ticked by hand. */
export class FakeHost implements Host {
  readonly out: FakeTerminal
  readonly err = new FakeTerminal(false)
  readonly env: Variables
  readonly cwd: string
  time = Date.UTC(2026, 10, 21, 9, 0, 0)
  /** Set it, and the wall clock jumps. */
  wallAhead = 0
  readonly exits: number[] = []
  private readonly ticks = new Set<() => void>()
  private readonly listeners = new Set<(signal: Signal) => void>()
  private readonly catchers = new Set<(error: unknown) => void>()

  constructor(cwd: string, { isTTY = false, env = {} }: { isTTY?: boolean; env?: Variables } = {}) {
    this.cwd = cwd
    this.out = new FakeTerminal(isTTY)
    this.env = env
  }

  now = () => this.time + this.wallAhead
  monotonic = () => this.time
  every = (_ms: number, tick: () => void) => {
    this.ticks.add(tick)
    return () => void this.ticks.delete(tick)
  }
  onSignal = (listener: (signal: Signal) => void) => {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
  exit = (code: number) => void this.exits.push(code)

  /** Lets `ms` go by and fires every timer once. */
  advance(ms: number): void {
    this.time += ms
    for (const tick of this.ticks) tick()
  }

  onUncaught = (listener: (error: unknown) => void) => {
    this.catchers.add(listener)
    return () => void this.catchers.delete(listener)
  }

  /** A timer of the user's threw. */
  throwUncaught(error: unknown): void {
    for (const listener of this.catchers) listener(error)
  }

  unwatched = <T>(work: () => Promise<T>): Promise<T> => work()

  signal(signal: Signal): void {
    for (const listener of this.listeners) listener(signal)
  }

  get openHandles(): number {
    return this.ticks.size + this.listeners.size + this.catchers.size
  }
}

export class FakeTerminal implements Terminal {
  readonly isTTY: boolean
  columns = 80
  readonly colors = noColors
  readonly glyphs = unicodeGlyphs
  text = ''

  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }

  write(text: string): void {
    this.text += text
  }

  /** What is on the screen after all the cursor movements: lines, trailing empty ones left out. */
  screen(): string[] {
    const lines: string[] = ['']
    let row = 0
    // oxlint-disable-next-line no-control-regex
    for (const token of this.text.match(/\x1b\[[?0-9;]*[A-Za-z]|\n|\r|[^\x1b\n\r]+/g) ?? []) {
      if (token === '\n') {
        row++
        lines[row] ??= ''
      } else if (token.startsWith('\x1b[') && token.endsWith('A')) {
        row -= Number(token.slice(2, -1))
        if (row < 0) throw new Error('the cursor went above the first line')
      } else if (token === '\x1b[J') {
        lines.length = row + 1
        lines[row] = ''
      } else if (!token.startsWith('\x1b') && token !== '\r') {
        lines[row] = (lines[row] ?? '') + token
      }
    }
    while (lines.at(-1) === '') lines.pop()
    return lines
  }
}
