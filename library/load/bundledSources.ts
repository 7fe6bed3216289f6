import { dirname, resolve } from 'node:path'
import { decoded, inlineMap } from '../../shared/userCode/sourceMapped.ts'

/** The user's files that a bundle was made of, by absolute path, with their text: what its inline source map keeps. */
export function bundledSources(bundle: { readonly file: string; readonly code: Uint8Array }): Map<string, string> {
  const payload = inlineMap(new TextDecoder().decode(bundle.code))
  const sources = payload?.sources ?? []
  return new Map(
    sources.map((source, i) => [resolve(dirname(bundle.file), decoded(source)), payload?.sourcesContent?.[i] ?? '']),
  )
}
