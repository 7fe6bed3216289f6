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
 * inline source map. Undefined when no frame does.
 */
export function userPosition(
  error: unknown,
  bundle: { readonly file: string; readonly code: Uint8Array },
): Position | undefined {
  const frame = stackFrames(error).find(({ file }) => file === bundle.file)
  if (!frame) return undefined
  const text = new TextDecoder().decode(bundle.code)
  const encoded = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(text)?.[1]
  if (encoded === undefined) return undefined
  const map = new SourceMap(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as SourceMapPayload)
  const entry = map.findEntry(frame.line - 1, frame.column - 1)
  if (!('originalSource' in entry)) return undefined
  const file = resolve(dirname(bundle.file), entry.originalSource)
  return { file, line: entry.originalLine + 1, column: entry.originalColumn + 1 }
}

function stackFrames(error: unknown): Position[] {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  return stack.split('\n').flatMap((line) => {
    const match = /^\s+at .*?((?:file:\/\/)?\/[^()]*|file:\/\/\/[^()]*|[A-Za-z]:\\[^()]*):(\d+):(\d+)\)?$/.exec(line)
    const [, where = '', row = '0', column = '0'] = match ?? []
    if (!match) return []
    // Vite, under which the tests run, adds a query to the URLs it imports.
    const path = where.replace(/\?.*$/, '')
    return [{ file: path.startsWith('file:') ? fileURLToPath(path) : path, line: Number(row), column: Number(column) }]
  })
}
