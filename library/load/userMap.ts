import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
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
 * A bundle with a source map in it that names the user's own files and no others, by absolute URL and without their text: small
 * enough to travel with the code. A place that comes from another file comes from nowhere.
 */
export function withUserMap(code: Uint8Array, map: Uint8Array, { outfile, foreign }: UserMapOptions): Uint8Array {
  const { sources, mappings } = JSON.parse(new TextDecoder().decode(map)) as SourceMapJson
  const files = sources.map((source) => resolve(dirname(outfile), source))
  const kept = files.map((file) => !foreign(file))
  const numbers: number[] = []
  let count = 0
  for (const own of kept) numbers.push(own ? count++ : -1)
  const lines = decodeMappings(mappings).map((segments) => ownSegments(segments, numbers))
  const json = JSON.stringify({
    version: 3,
    sources: files.filter((_, i) => kept[i]).map((file) => pathToFileURL(file).href),
    names: [],
    mappings: encodeMappings(lines),
  })
  const comment = `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(json).toString('base64')}\n`
  return Buffer.concat([code, Buffer.from(comment)])
}

/** @param numbers the new number of each source, -1 for one that is left out */
function ownSegments(segments: readonly Segment[], numbers: readonly number[]): Segment[] {
  const own: Segment[] = []
  for (const segment of segments) {
    const [column, source = -1, line = 0, from = 0] = segment
    const number = numbers[source] ?? -1
    if (number >= 0) own.push([column, number, line, from])
    else if (own.length > 0 && own.at(-1)?.length !== 1) own.push([column]) // ends the user's part
  }
  return own
}
