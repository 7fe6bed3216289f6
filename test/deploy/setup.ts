import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the recordings of this test run. */
    recordings: string
  }
}

/** A folder for what the files of one test run share. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-recordings-'))
  project.provide('recordings', folder)
  return () => rm(folder, { recursive: true, force: true })
}
