import { MillraceError } from './errors.ts'

/** A seeded stream of random numbers: sfc32 (Chris Doty-Humphrey's PractRand), 128 bits of state, period about 2^127. */
export class Random {
  private a: number
  private b: number
  private c: number
  private counter: number

  /** @param seed any integer up to 2^53; the stream depends on all of its bits */
  constructor(seed: number) {
    this.a = seed >>> 0
    this.b = Math.floor(seed / 2 ** 32) >>> 0
    this.c = 0x9e3779b9
    this.counter = 1
    for (let i = 0; i < 12; i++) this.nextUint32()
  }

  /** The next integer in [0, 2^32). */
  nextUint32(): number {
    const t = (this.a + this.b + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (this.c << 21) | (this.c >>> 11)
    this.c = (this.c + t) | 0
    return t >>> 0
  }

  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number {
    if (arguments.length > 0) throw wrongCall('uniform()', 'takes no arguments; uniformBetween(low, high) takes bounds')
    return this.nextUint32() / 4294967296
  }

  /** Uniform in [low, high). */
  uniformBetween(low: number, high: number): number {
    if (arguments.length !== 2) throw wrongCall('uniformBetween(low, high)', 'takes two bounds')
    return low + (high - low) * this.uniform()
  }

  /** Uniform over the integers 0 … n-1 (n up to 2^32; the bias of the multiplication is under n / 2^32). */
  integer(n: number): number {
    if (arguments.length !== 1)
      throw wrongCall('integer(n)', 'takes one number and gives 0 … n-1; add the lowest to it')
    return Math.floor(this.uniform() * n)
  }

  /** Standard normal (Box and Muller 1958). */
  normal(): number {
    if (arguments.length > 0)
      throw wrongCall('normal()', 'takes no arguments; multiply by the deviation and add the mean')
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** The four words of state, for a checkpoint. */
  save(): [number, number, number, number] {
    return [this.a, this.b, this.c, this.counter]
  }

  load([a, b, c, counter]: readonly [number, number, number, number]): void {
    this.a = a
    this.b = b
    this.c = c
    this.counter = counter
  }
}

/**
 * Experiments run without a type check, and `uniform(-1, 1)` would be a number in [0, 1): another env than the one that was meant. To
 * count arguments costs nothing where the call is inlined.
 */
function wrongCall(call: string, why: string): MillraceError {
  return new MillraceError('E_USAGE', `random.${call} ${why}`)
}

/**
 * One seed from several parts, for instance (run seed, shard, lease, episode). FNV-1a over the parts with murmur3's finaliser,
 * in two halves: 53 bits, so that a million streams of a run collide with a probability under 1e-4.
 */
export function deriveSeed(...parts: readonly (number | string)[]): number {
  const low = hash(parts, 0x811c9dc5)
  const high = hash(parts, 0x01000193)
  return low + (high & 0x1fffff) * 2 ** 32
}

function hash(parts: readonly (number | string)[], seed: number): number {
  let h = seed
  for (const part of parts) {
    const text = `${typeof part === 'number' ? 'n' : 's'}${part};`
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
