import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../../shared/errors.ts'

/**
 * A file that a program names: an absolute path, one from the working folder, or a `file:` URL such as `import.meta.url`.
 *
 * @param what it is, for the error
 * @throws MillraceError E_USAGE for a URL of another kind
 */
export function filePath(given: string | URL, what: string): string {
  const text = String(given)
  if (!/^[a-z][a-z+.-]+:/i.test(text)) return resolve(text)
  try {
    return fileURLToPath(text)
  } catch (cause) {
    throw new MillraceError('E_USAGE', `${what} is ${text}, expected a file: its path, or a file: URL`, {}, { cause })
  }
}
