import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../../shared/errors.ts'

/**
 * The folder of Millrace's own package.json, from source and from the bundles in dist alike.
 *
 * @param from the URL of a file inside the package
 * @throws MillraceError E_INTERNAL when no folder above is Millrace's
 */
export function packageRoot(from: string = import.meta.url): string {
  for (let folder = dirname(fileURLToPath(from)); ; folder = dirname(folder)) {
    if (packageName(join(folder, 'package.json')) === 'millrace') return folder
    if (folder === dirname(folder)) {
      throw new MillraceError('E_INTERNAL', `no package.json named millrace above ${fileURLToPath(from)}`, { from })
    }
  }
}

function packageName(file: string): unknown {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof content === 'object' && content !== null && 'name' in content ? content.name : undefined
  } catch {
    return undefined // absent or not JSON: look further up
  }
}
