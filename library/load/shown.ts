import { isAbsolute, relative, sep } from 'node:path'

/** A path as the user would say it: from the working folder where it lies below it. */
export function shown(path: string, cwd: string = process.cwd()): string {
  const short = relative(cwd, path)
  return short === '' || /^\.\.([\\/]|$)/.test(short) || isAbsolute(short) ? path : short
}

/** A text with absolute paths in it, each from the working folder where it lies below it. */
export function withShownPaths(text: string, cwd: string = process.cwd()): string {
  const folder = cwd.endsWith(sep) ? cwd : `${cwd}${sep}`
  return folder === sep ? text : text.replaceAll(folder, '')
}
