import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A place in a user's file; line and column count from 1. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/**
 * Where in the user's files an error came from: the innermost frame of its stack that lies in the bundle, through the bundle's
 * inline source map, or in one of the files it was made of, where the stack is mapped already (node --enable-source-maps).
 */
export function userPosition(
  error: unknown,
  bundle: { readonly file: string; readonly code: Uint8Array },
): Position | undefined {
  const payload = inlineMap(bundle.code)
  if (!payload) return undefined
  const own = (source: string) => resolve(dirname(bundle.file), source)
  const files = new Set([bundle.file, ...payload.sources.map(own)])
  const frame = stackFrames(error).find(({ file }) => files.has(file))
  if (frame?.file !== bundle.file) return frame
  const entry = new SourceMap(payload).findEntry(frame.line - 1, frame.column - 1)
  if (!('originalSource' in entry)) return undefined
  return { file: own(entry.originalSource), line: entry.originalLine + 1, column: entry.originalColumn + 1 }
}

/** The user's files that a bundle was made of, by absolute path, with their text: what its inline source map keeps. */
export function bundledSources(bundle: { readonly file: string; readonly code: Uint8Array }): Map<string, string> {
  const payload = inlineMap(bundle.code)
  const sources = payload?.sources ?? []
  return new Map(
    sources.map((source, i) => [resolve(dirname(bundle.file), source), payload?.sourcesContent?.[i] ?? '']),
  )
}

function inlineMap(code: Uint8Array): SourceMapPayload | undefined {
  const text = new TextDecoder().decode(code)
  const encoded = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(text)?.[1]
  return encoded === undefined
    ? undefined
    : (JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as SourceMapPayload)
}

function stackFrames(error: unknown): Position[] {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  return stack.split('\n').flatMap((line) => {
    const match = /^\s+at (?:.*\()?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]*):(\d+):(\d+)\)?$/.exec(line)
    if (!match) return []
    const [, where = '', row = '0', column = '0'] = match
    const file = where.startsWith('file:') ? fileURLToPath(where) : where
    return [{ file, line: Number(row), column: Number(column) }]
  })
}
