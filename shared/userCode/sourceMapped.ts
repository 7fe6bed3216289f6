import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { knowUserModule, type Position } from './known.ts'

/**
 * Makes a bundle with an inline source map known, so that errors from it name the user's files. Nothing is decoded before the
 * first error.
 *
 * @param file absolute path that the bundle is imported from
 */
export function knowBundle(file: string, text: string): void {
  let read: ReadMap | undefined
  const map = (): ReadMap => (read ??= readMap(file, text))
  knowUserModule({
    file,
    text,
    sources: () => map().sources,
    original: (line, column) => map().original(line, column),
  })
}

/** esbuild writes a map's sources as parts of a URL. */
export function decoded(source: string): string {
  try {
    return decodeURIComponent(source)
  } catch {
    return source
  }
}

interface ReadMap {
  readonly sources: ReadonlyMap<string, string>
  original(line: number, column: number): Position | undefined
}

const MAP = '//# sourceMappingURL=data:application/json;base64,'

/** The source map at the end of a bundle; undefined where it has none. */
export function inlineMap(text: string): SourceMapPayload | undefined {
  const at = text.lastIndexOf(MAP)
  if (at < 0) return undefined
  return JSON.parse(Buffer.from(text.slice(at + MAP.length).trim(), 'base64').toString('utf8')) as SourceMapPayload
}

function readMap(file: string, text: string): ReadMap {
  const payload = inlineMap(text)
  if (!payload) return { sources: new Map(), original: () => undefined }
  const absolute = (source: string) =>
    source.startsWith('/') ? fileURLToPath(new URL(source, 'file:///')) : resolve(dirname(file), decoded(source))
  const map = new SourceMap(payload)
  return {
    sources: new Map(
      payload.sources.flatMap((source) => [
        [resolve(dirname(file), source), absolute(source)] as const,
        [absolute(source), absolute(source)] as const,
      ]),
    ),
    original(line, column) {
      const entry = map.findEntry(line - 1, column - 1)
      if (!('originalSource' in entry) || typeof entry.originalSource !== 'string') return undefined
      return { file: absolute(entry.originalSource), line: entry.originalLine + 1, column: entry.originalColumn + 1 }
    },
  }
}
