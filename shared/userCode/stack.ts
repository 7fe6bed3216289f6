import { userModule, userSource, type Position } from './known.ts'

/** What an error tells of the user's own code. */
export interface UserTrace {
  /** The innermost place, `file:line:column`. */
  readonly at: string | undefined
  /** One `at …` a line, the innermost first; undefined where no frame is the user's. */
  readonly stack: string | undefined
}

const MOST_FRAMES = 10
/** What a lease's report takes. */
const MOST_CHARACTERS = 8_192
const FRAME = /^\s+at (?:(.*?) \()?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/]).*?):(\d+):(\d+)\)?$/

interface Frame extends Position {
  /** Of the function; undefined where it has none. */
  readonly name: string | undefined
}

/** The frames of an error's stack that lie in the user's own files: none of Node's, of packages or of Millrace. */
export function userTrace(error: unknown): UserTrace {
  return traceOf(userFrames(error, originalOf))
}

/** The same of files that were loaded as a user's: where anything else may be in a stack, too. */
export function loadedTrace(error: unknown): UserTrace {
  return traceOf(userFrames(error, originalOfLoaded))
}

function traceOf(frames: readonly Frame[]): UserTrace {
  if (frames.length === 0) return { at: undefined, stack: undefined }
  const lines = frames.map(({ name, ...place }) =>
    name === undefined ? `at ${showPosition(place)}` : `at ${name} (${showPosition(place)})`,
  )
  while (lines.join('\n').length > MOST_CHARACTERS) lines.pop()
  return { at: showPosition(frames[0]!), stack: lines.length > 0 ? lines.join('\n') : undefined }
}

/** `file:line:column`; undefined for no place. */
export function showPosition(place: Position): string
export function showPosition(place: Position | undefined): string | undefined
export function showPosition(place: Position | undefined): string | undefined {
  return place && `${place.file}:${place.line}:${place.column}`
}

function userFrames(error: unknown, originalOf: (frame: Frame) => Position | undefined): Frame[] {
  const found: Frame[] = []
  for (const frame of stackFrames(error)) {
    if (OWN.test(frame.file)) {
      if (found.length > 0) break // what called the user's code, and in a program of theirs that program
      continue // what the user's code called
    }
    const original = originalOf(frame)
    if (original) found.push({ ...original, name: frame.name })
    if (found.length === MOST_FRAMES) break
  }
  return found
}

function originalOf(frame: Frame): Position | undefined {
  const loaded = userModule(frame.file) !== undefined || userSource(frame.file) !== undefined
  if (loaded) return originalOfLoaded(frame)
  return /[\\/]node_modules[\\/]/.test(frame.file) ? undefined : frame
}

function originalOfLoaded(frame: Frame): Position | undefined {
  const module = userModule(frame.file)
  if (module) return module.original(frame.line, frame.column)
  const source = userSource(frame.file)
  return source === undefined ? undefined : { ...frame, file: source }
}

function stackFrames(error: unknown): Frame[] {
  return stackLines(error).flatMap((line) => {
    const match = FRAME.exec(line)
    if (!match) return []
    const [, name, place = '', row = '0', column = '0'] = match
    return [{ name, file: pathOf(place), line: Number(row), column: Number(column) }]
  })
}

/** The message comes first in a stack, and may hold lines that look like frames. */
function stackLines(error: unknown): string[] {
  try {
    if (!(error instanceof Error) || typeof error.stack !== 'string') return []
    const { stack, message } = error
    const from = message === '' ? -1 : stack.indexOf(message)
    return stack.slice(from < 0 ? 0 : from + message.length).split('\n')
  } catch {
    return [] // a getter of the user's own
  }
}

/** The path of a `file:` URL, which is how a stack names an ES module. */
function pathOf(place: string): string {
  if (!place.startsWith('file://')) return place
  try {
    return decodeURIComponent(new URL(place).pathname).replace(/^\/([A-Za-z]:\/)/, '$1')
  } catch {
    return place
  }
}

const OWN = ownFiles(pathOf(import.meta.url))

/** The files of Millrace's own code: dist/ where it is built, its rooms where it runs from source, else the one bundle that holds this. */
export function ownFiles(file: string): RegExp {
  const dist = file.lastIndexOf('/dist/')
  if (dist >= 0) return new RegExp(`^${escaped(file.slice(0, dist))}/dist/`)
  const source = /^(.*)\/shared\/userCode\/[^/]*$/.exec(file)
  if (!source) return new RegExp(`^${escaped(file)}$`)
  return new RegExp(`^${escaped(source[1] ?? '')}/(shared|learner|functions|infra|library|cli)/`)
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
