import type { SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'
import { decoded } from '../../shared/userCode/sourceMapped.ts'

/** The user's files that a bundle was made of, by absolute path, with their text: what its inline source map keeps. */
export function bundledSources(bundle: { readonly file: string; readonly code: Uint8Array }): Map<string, string> {
  const payload = inlineMap(bundle.code)
  const sources = payload?.sources ?? []
  return new Map(
    sources.map((source, i) => [resolve(dirname(bundle.file), decoded(source)), payload?.sourcesContent?.[i] ?? '']),
  )
}

function inlineMap(code: Uint8Array): SourceMapPayload | undefined {
  const text = new TextDecoder().decode(code)
  const encoded = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(text)?.[1]
  return encoded === undefined
    ? undefined
    : (JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as SourceMapPayload)
}
