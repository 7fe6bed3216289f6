/** A place in a user's file; line and column count from 1. */
export interface Position {
  /** Absolute path. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A module that was bundled from a user's files and runs in this process. */
export interface UserModule {
  /** Absolute path of the bundle, as stacks name it; it need not be there any more. */
  readonly file: string
  /** The bundle's text. */
  readonly text: string
  /** The user's files in it: absolute paths, by every name that a stack may have for them. */
  readonly sources: () => ReadonlyMap<string, string>
  /** Where a place of the bundle comes from; undefined where it is none of the user's files. */
  readonly original: (line: number, column: number) => Position | undefined
}

const modules = new Map<string, UserModule>()

/** Lets errors from this module on name the user's own files and lines. */
export function knowUserModule(module: UserModule): void {
  modules.set(module.file, module)
}

export function userModule(file: string): UserModule | undefined {
  return modules.get(file)
}

/** The file that a known module was bundled from, where this is one: a stack may be mapped already (node --enable-source-maps). */
export function userSource(file: string): string | undefined {
  for (const module of modules.values()) {
    const found = module.sources().get(file)
    if (found !== undefined) return found
  }
  return undefined
}

/** Where a method or a class of a user is written; undefined where its text is found not once but never or twice. */
export function positionOfCode(code: unknown): Position | undefined {
  if (typeof code !== 'function') return undefined
  const text = Function.prototype.toString.call(code)
  for (const module of modules.values()) {
    const at = module.text.indexOf(text)
    if (at < 0 || module.text.indexOf(text, at + 1) >= 0) continue
    const before = module.text.slice(0, at)
    const line = before.split('\n').length
    return module.original(line, at - before.lastIndexOf('\n'))
  }
  return undefined
}
