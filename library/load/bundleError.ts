import { resolve } from 'node:path'
import type { BuildFailure, Message } from 'esbuild'
import { MillraceError, isMillraceError, nearestName } from '../../shared/errors.ts'
import { oneLine } from '../../shared/oneLine.ts'
import { nearestModule } from './nearestModule.ts'
import { shown } from './shown.ts'

/** What esbuild could not bundle, as one sentence: the place in the user's file, what is wrong there, the line itself. */
export function bundleError(file: string, failure: BuildFailure): MillraceError {
  const thrown: unknown = failure.errors.find((e) => isMillraceError(e.detail))?.detail
  const message = failure.errors[0]
  const text = isMillraceError(thrown) ? thrown.message : (message?.text ?? 'it cannot be read')
  const more = failure.errors.length > 1 ? ` (and ${failure.errors.length - 1} more)` : ''
  const sentence = oneLine(
    `${position(file, message)}: ${text}${advice(text, message)}${offendingLine(message)}${more}`,
  )
  return new MillraceError(isMillraceError(thrown) ? thrown.code : 'E_EXPERIMENT', sentence, {}, { cause: failure })
}

function position(file: string, message: Message | undefined): string {
  const at = userLocation(message)
  return at ? `${at.file || shown(file)}:${at.line}:${at.column + 1}` : shown(file)
}

/** What a plugin throws is located in the plugin; its last note says which import led there. */
function userLocation(message: Message | undefined): Message['location'] | undefined {
  return message?.detail instanceof Error ? message.notes.at(-1)?.location : message?.location
}

function advice(text: string, message: Message | undefined): string {
  const importer = userLocation(message)?.file
  const specifier = /^Could not resolve "(\.[^"]*)"/.exec(text)?.[1]
  if (specifier !== undefined && importer !== undefined) {
    const near = nearestModule(specifier, resolve(importer))
    return near === undefined ? '' : `; did you mean '${near}'?`
  }
  const name = /^Could not resolve "([^./"][^"]*)"/.exec(text)?.[1]
  if (name === undefined) return ''
  const near = nearestName(name.replace(/\/.*/, ''), ['millrace'])
  return near ? `; did you mean '${near}'?` : '; is that package installed?'
}

function offendingLine(message: Message | undefined): string {
  const line = userLocation(message)?.lineText.trim()
  return line ? `, in \`${line.length > 100 ? `${line.slice(0, 100)}…` : line}\`` : ''
}
