import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeFolder, makeFolderSync } from '../../shared/makeFolder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('folders are made down to the last, and the topmost that was made is told', async () => {
  expect(await makeFolder(join(folder, 'a/b/c'))).toBe(join(folder, 'a'))
  expect(await makeFolder(join(folder, 'a/b/d/e'))).toBe(join(folder, 'a/b/d'))
  expect(await makeFolder(join(folder, 'a/b'))).toBeUndefined()
  makeFolderSync(join(folder, 'f/g'))
  makeFolderSync(join(folder, 'f/g'))
  expect(existsSync(join(folder, 'f/g'))).toBe(true)
})

test('a system that denies every folder below one that is there is asked once, and its error comes back', async () => {
  let asked = 0
  const calls = {
    mkdir: async () => {
      asked++
      throw Object.assign(new Error('ENOENT: no such file or directory'), { code: 'ENOENT' })
    },
    stat: async (path: string) => ({ isDirectory: () => path === folder }),
  }
  await expect(makeFolder(join(folder, 'x'), calls)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(asked).toBe(1)
})

test('what is in the way is told: a file, a file on the way, a link that leads nowhere', async () => {
  writeFileSync(join(folder, 'file'), '')
  mkdirSync(join(folder, 'real'))
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link'))
  symlinkSync(join(folder, 'real'), join(folder, 'good'))
  expect(await makeFolder(join(folder, 'good'))).toBeUndefined()
  for (const [path, code] of [
    ['file', 'EEXIST'],
    ['file/x', 'ENOTDIR'],
    ['link', 'EEXIST'],
    ['link/x', 'EEXIST'],
  ] as const) {
    await expect(makeFolder(join(folder, path))).rejects.toMatchObject({ code })
    expect(() => makeFolderSync(join(folder, path))).toThrow(expect.objectContaining({ code }))
  }
})
