import { existsSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { nearestName } from '../../shared/errors.ts'
import { type LibraryEntries, libraryTypes } from './libraryEntries.ts'
import type { Position } from '../../shared/userCode/index.ts'

/** An import of a name that its module does not export: where it stands, and what to write instead. */
export interface MissingExport {
  readonly at: Position | undefined
  readonly sentence: string
}

/**
 * Explains the error with which Node refuses a module that imports what another does not export. Node names the other module's
 * file but no line, and esbuild says nothing, because packages stay outside the bundle.
 *
 * @returns undefined for any other error
 */
export async function missingExport(
  error: unknown,
  bundle: { readonly sources: () => ReadonlyMap<string, string>; readonly entries: LibraryEntries },
): Promise<MissingExport | undefined> {
  const asked = parse(error)
  if (!asked) return undefined
  const { name, url } = asked
  const entry = [...bundle.entries].find(([, file]) => pathToFileURL(file).href === url)?.[0]
  const found = findImport(bundle.sources(), name, entry)
  const specifier = entry ?? found?.specifier ?? url
  const missing = name === 'default' ? `'${specifier}' has no default export` : `'${specifier}' exports no '${name}'`
  return { at: found?.at, sentence: `${missing}; ${await advice(name, specifier, url)}` }
}

function parse(error: unknown): { readonly name: string; readonly url: string } | undefined {
  if (!(error instanceof SyntaxError)) return undefined
  const name =
    /does not provide an export named '([^']+)'/.exec(error.message)?.[1] ??
    /^Named export '([^']+)' not found/.exec(error.message)?.[1]
  const url = /The requested module '([^']+)'/.exec(error.message)?.[1]
  return name !== undefined && url !== undefined ? { name, url } : undefined
}

async function advice(name: string, specifier: string, url: string): Promise<string> {
  const names = Object.keys((await import(url)) as object).filter(
    (each) => each !== 'default' && each !== 'module.exports',
  )
  const types = libraryTypes()
  const ours = types.get(specifier)
  if (ours !== undefined && exportsType(ours, name))
    return `it is a type: write \`import type { ${name} } from '${specifier}'\``
  const elsewhere = [...types].find(
    ([other, file]) => other !== specifier && ours !== undefined && exportsValue(file, name),
  )
  if (elsewhere) return `it is in '${elsewhere[0]}'`
  const near = nearestName(name, names)
  if (near !== undefined) return `did you mean '${near}'?`
  return names.length === 0
    ? 'it exports no names'
    : `it has ${names.slice(0, 30).join(', ')}${names.length > 30 ? ', …' : ''}`
}

/** By the text of an entry's types: `export type { … Name … }`, or a declaration of its own. */
function exportsType(file: string, name: string): boolean {
  return matches(file, `export type \\{[^}]*\\b${name}\\b[^}]*\\}|export (?:declare )?(?:interface|type) ${name}\\b`)
}

function exportsValue(file: string, name: string): boolean {
  return matches(
    file,
    `export \\{[^}]*\\b${name}\\b[^}]*\\}|export (?:declare )?(?:async )?(?:function|const|class) ${name}\\b`,
  )
}

function matches(file: string, pattern: string): boolean {
  return existsSync(file) && new RegExp(pattern).test(readFileSync(file, 'utf8'))
}

const IMPORT = /\b(?:import|export)\s+([^'";]*?)\s*from\s*(['"])([^'"]+)\2/g

/** The place of a name in the import that asks for it. */
function findImport(sources: ReadonlyMap<string, string>, name: string, entry: string | undefined) {
  for (const [file, source] of sources) {
    const text = withoutComments(source)
    for (const match of text.matchAll(IMPORT)) {
      const [statement, clause = '', , specifier = ''] = match
      if (entry === undefined ? /^[./]/.test(specifier) : specifier !== entry) continue
      const inClause = name === 'default' ? clause.search(/^[\w$]|\bdefault\b/) : named(clause, name)
      if (inClause < 0 || /^type\s/.test(clause)) continue
      return { specifier, at: positionIn(file, text, match.index + statement.indexOf(clause) + inClause) }
    }
  }
  return undefined
}

/** Where `{ …, name as other, … }` asks for a name; -1 where it does not. */
function named(clause: string, name: string): number {
  const open = clause.indexOf('{')
  const plain = name.replaceAll('$', '\\$')
  const found = new RegExp(`(?<=[{,]\\s*)${plain}(?=\\s*(?:[,}]|as\\b))`).exec(clause)
  return open >= 0 && found !== null ? found.index : -1
}

/** The same text with spaces for its comments, so that every place stays where it was. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\/|\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ' '))
}

function positionIn(file: string, text: string, index: number): Position {
  const lines = text.slice(0, index).split('\n')
  return { file, line: lines.length, column: (lines.at(-1) ?? '').length + 1 }
}
