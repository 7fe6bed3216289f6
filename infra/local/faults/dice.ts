import { deriveSeed } from '../../../shared/random.ts'

/** Draws that depend on (seed, kind, occasion) alone: whatever else is drawn in between changes none of them. */
export class FaultDice {
  private readonly seed: number
  private readonly occasions = new Map<string, number>()

  constructor(seed: number) {
    this.seed = seed
  }

  /** Uniform in [0, 1), for the next occasion of its kind. */
  next(kind: string): number {
    const occasion = this.occasions.get(kind) ?? 0
    this.occasions.set(kind, occasion + 1)
    return this.at(kind, occasion)
  }

  /** Uniform in [0, 1), for an occasion that has a name of its own. */
  at(kind: string, occasion: string | number): number {
    return deriveSeed(this.seed, kind, occasion) / 2 ** 53
  }

  happens(kind: string, rate: number): boolean {
    return rate > 0 && this.next(kind) < rate
  }

  /** One of several that exclude each other, by their rates; undefined for none. */
  oneOf<K extends string>(
    kind: string,
    rates: readonly (readonly [what: K, rate: number])[],
    occasion?: string,
  ): K | undefined {
    let left = occasion === undefined ? this.next(kind) : this.at(kind, occasion)
    for (const [what, rate] of rates) {
      if (left < rate) return what
      left -= rate
    }
    return undefined
  }
}

type Draw = (what: string) => number

/** Cut short, or with one bit flipped. Never empty, and never what it was. */
export function damagedBytes(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = Math.floor(draw('damage at') * bytes.byteLength)
  if (draw('damage') < 0.5 && at > 0) return bytes.slice(0, at)
  const flipped = bytes.slice()
  flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(draw('damage bit') * 8))
  return flipped
}

/** The same of a text: a character of it becomes another letter. */
export function damagedText(text: string, draw: Draw): string {
  const at = Math.floor(draw('damage at') * text.length)
  if (draw('damage') < 0.5 && at > 0) return text.slice(0, at)
  return text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1)
}
