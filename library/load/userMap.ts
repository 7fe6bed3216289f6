import { dirname, resolve } from 'node:path'
import { decoded } from '../../shared/userCode/sourceMapped.ts'
import { decodeMappings, encodeMappings, type Segment } from './mappings.ts'

interface SourceMapJson {
  readonly sources: readonly string[]
  readonly mappings: string
}

export interface UserMapOptions {
  /** Absolute path that the map's relative sources start from. */
  readonly outfile: string
  /** True for a file that is none of the user's own (a package, Millrace); an absolute path. */
  readonly foreign: (file: string) => boolean
}

/**
 * A bundle with a source map in it that names the user's own files and no others, by absolute path and without their text: small
 * enough to travel with the code. A place that comes from another file comes from nowhere.
 */
export function withUserMap(code: Uint8Array, map: Uint8Array, { outfile, foreign }: UserMapOptions): Uint8Array {
  const { sources, mappings } = JSON.parse(new TextDecoder().decode(map)) as SourceMapJson
  const files = sources.map((source) => resolve(dirname(outfile), decoded(source)))
  const kept = files.map((file) => !foreign(file))
  const numbers: number[] = []
  let count = 0
  for (const own of kept) numbers.push(own ? count++ : -1)
  // Past the end is nowhere. Node.js misreads a segment without a source that ends the text, so one more line ends it.
  const lines = [...ownSegments(decodeMappings(mappings), numbers), [[0] as const], []]
  const json = JSON.stringify({
    version: 3,
    sources: files.filter((_, i) => kept[i]).map(sourceOf),
    names: [],
    mappings: encodeMappings(lines),
  })
  const comment = `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(json).toString('base64')}\n`
  return Buffer.concat([code, Buffer.from(comment)])
}

/** @param numbers the new number of each source, -1 for one that is left out */
function ownSegments(lines: readonly (readonly Segment[])[], numbers: readonly number[]): Segment[][] {
  // A place belongs to the last segment before it, for some readers on an earlier line too: a segment says where the user's
  // part is over, and that a line does not begin with it.
  let within = false
  return lines.map((segments) => {
    const own: Segment[] = []
    for (const [column, source = -1, line = 0, from = 0] of segments) {
      const number = numbers[source] ?? -1
      if (number < 0 && !within) continue
      if (own.length === 0 && column > 0) own.push([0])
      own.push(number < 0 ? [column] : [column, number, line, from])
      within = number >= 0
    }
    if (segments.length > 0 || !within) return own
    within = false
    return [[0]]
  })
}

/** A path as a source map has it: absolute, and of what a URL reads otherwise only the three characters that it must not hold. */
function sourceOf(file: string): string {
  const path = file.replaceAll('\\', '/').replace(/[%?#]/g, encodeURIComponent)
  return path.startsWith('/') ? path : `/${path}`
}
