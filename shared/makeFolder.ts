import { mkdirSync, statSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errorCode } from './diskReason.ts'

interface Calls {
  readonly mkdir: (path: string) => Promise<unknown>
  readonly stat: (path: string) => Promise<{ isDirectory(): boolean }>
}

/**
 * Makes a folder and those above it that are not there. Node's own mkdir with `recursive` never comes back, and keeps a core busy, where
 * the system says that a folder which is there is not (below /proc, for one). Where it fails it says ENOENT, whatever the cause (a read-only
 * file system, for one).
 *
 * @returns the topmost folder that was made; undefined when it was there already
 * @throws the system's own error: EEXIST when something else has its name
 */
export async function makeFolder(given: string, calls: Calls = { mkdir, stat }): Promise<string | undefined> {
  const path = resolve(given)
  try {
    await calls.mkdir(path)
    return path
  } catch (error) {
    const isFolder = async (at: string) => (await calls.stat(at).catch(() => undefined))?.isDirectory() === true
    if (await isFolder(path)) return undefined
    const parent = dirname(path)
    if (errorCode(error) !== 'ENOENT' || (await isFolder(parent))) throw error
    const first = await makeFolder(parent, calls)
    await calls.mkdir(path)
    return first ?? path
  }
}

/** The same, at once. */
export function makeFolderSync(given: string): void {
  const path = resolve(given)
  try {
    mkdirSync(path)
  } catch (error) {
    const isFolder = (at: string) => statSync(at, { throwIfNoEntry: false })?.isDirectory() === true
    if (isFolder(path)) return
    const parent = dirname(path)
    if (errorCode(error) !== 'ENOENT' || isFolder(parent)) throw error
    makeFolderSync(parent)
    mkdirSync(path)
  }
}
