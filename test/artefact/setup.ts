import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { run } from './installed.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The packed package. */
    tarball: string
    /** A user's project in which npm has installed it, with Express and what types need. */
    userProject: string
    /** A cache of npm's own for npx, which keeps what it installs there; the registry's files are those of the machine's cache. */
    npxCache: string
  }
}

/**
 * Packs and installs once for all artefact tests, as a user would: without this checkout's .npmrc, so that install scripts run.
 * Needs dist/ as `npm run build` makes it, and the npm registry (or what npm has kept of it).
 */
export function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-packed-'))
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], packageRoot())
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'there is no tarball')
  const user = join(folder, 'user')
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball, ...BESIDE], user)
  const npxCache = join(folder, 'npm')
  mkdirSync(npxCache)
  symlinkSync(join(run('npm', ['config', 'get', 'cache'], user).trim(), '_cacache'), join(npxCache, '_cacache'))
  project.provide('tarball', tarball)
  project.provide('userProject', user)
  project.provide('npxCache', npxCache)
  return () => rmSync(folder, { recursive: true, force: true })
}

/** What the examples of docs/library.md import beside Millrace, and what their types need. */
const BESIDE = ['express@5', '@types/express@5', '@types/node@20', 'typescript@7.0.2']
