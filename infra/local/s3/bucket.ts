import type { Checksum } from './checksum.ts'

export interface StoredObject {
  readonly key: string
  readonly body: Uint8Array
  /** Quoted, as it travels. */
  readonly etag: string
  /** Milliseconds since the epoch. */
  readonly lastModified: number
  /** What a read gives back beside the body: content-type, cache-control, x-amz-meta-… */
  readonly headers: Readonly<Record<string, string>>
  readonly checksum?: Checksum | undefined
}

export interface ListOptions {
  readonly prefix?: string
  readonly delimiter?: string
  /** Start behind this key. */
  readonly after?: string
  readonly maxKeys?: number
}

export interface Listing {
  readonly objects: readonly StoredObject[]
  readonly commonPrefixes: readonly string[]
  /** Where the next page starts (`after`); undefined on the last page. */
  readonly next: string | undefined
}

/** The objects of one bucket, and their keys in S3's order, which is sorted only when somebody lists. */
export class Bucket {
  readonly name: string
  readonly created: number
  private readonly objects = new Map<string, StoredObject>()
  private sorted: string[] | undefined

  constructor(name: string, created: number) {
    this.name = name
    this.created = created
  }

  get size(): number {
    return this.objects.size
  }

  get(key: string): StoredObject | undefined {
    return this.objects.get(key)
  }

  set(object: StoredObject): void {
    if (this.sorted !== undefined && !this.objects.has(object.key)) this.sorted = undefined
    this.objects.set(object.key, object)
  }

  delete(key: string): boolean {
    const deleted = this.objects.delete(key)
    if (deleted) this.sorted = undefined
    return deleted
  }

  /** One page of ListObjectsV2: keys and common prefixes share `maxKeys`; order is that of the UTF-8 bytes. */
  list({ prefix = '', delimiter = '', after = '', maxKeys = 1000 }: ListOptions): Listing {
    this.sorted ??= [...this.objects.keys()].sort(compareUtf8)
    const keys = this.sorted
    const objects: StoredObject[] = []
    const commonPrefixes: string[] = []
    let last = after
    let at = firstAtOrAfter(keys, prefix)
    if (after !== '') at = Math.max(at, firstAtOrAfter(keys, after))
    for (; at < keys.length; at++) {
      const key = keys[at] ?? ''
      if (!key.startsWith(prefix)) break
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      const group = cut < 0 ? undefined : key.slice(0, cut + delimiter.length)
      if (key === after || (group !== undefined && (group === after || group === commonPrefixes.at(-1)))) continue
      if (objects.length + commonPrefixes.length >= maxKeys) return { objects, commonPrefixes, next: last }
      last = group ?? key
      const object = this.objects.get(key)
      if (group !== undefined) commonPrefixes.push(group)
      else if (object !== undefined) objects.push(object)
    }
    return { objects, commonPrefixes, next: undefined }
  }
}

function firstAtOrAfter(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareUtf8(keys[middle] ?? '', key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** The order of UTF-8 bytes. It differs from that of JavaScript's strings where one side has a surrogate. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Moves the surrogates (code points past U+FFFF) behind U+E000 … U+FFFF. */
const rank = (unit: number) => (unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000)
