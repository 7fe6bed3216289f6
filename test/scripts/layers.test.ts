import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { checkLayers } = (await import(new URL('../../scripts/layers.mjs', import.meta.url).href)) as {
  readonly checkLayers: (root: string) => { files: number; imports: number; wrong: string[] }
}

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A house with every room, and these files in it. */
function house(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-layers-'))
  folders.push(folder)
  for (const room of ['learner', 'functions', 'shared', 'infra', 'library', 'cli']) mkdirSync(join(folder, room))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

test('this house keeps its arrows, and the gate really looked at it', () => {
  const { files, imports, wrong } = checkLayers(root)
  expect(wrong).toEqual([])
  expect(files).toBeGreaterThan(200)
  expect(imports).toBeGreaterThan(500)
})

test.each([
  ['shared/env/a.ts', "import { b } from '../../learner/b.ts'"],
  ['shared/a.ts', "import type { B } from '../functions/b.ts'"],
  ['functions/a.ts', "export { b } from '../learner/b.ts'"],
  ['functions/a.ts', "export * from '../infra/b.ts'"],
  ['learner/flow/a.ts', "import { b } from '../../shared/random.ts'"],
  ['learner/flow/a.ts', "import { b } from '../operators/b.ts'"],
  ['learner/tensor/ops/a.ts', "import {\n  b,\n  type C,\n} from '../../losses/b.ts'"],
  ['learner/losses/a.ts', "import { b } from '../flow/b.ts'"],
  ['learner/heads/a.ts', "import { b } from '../losses/b.ts'"],
  ['learner/networks/a.ts', "import { b } from '../heads/b.ts'"],
  ['learner/a.ts', "const b = await import('../cli/b.ts')"],
  ['learner/a.ts', "type B = import('../infra/b.ts').B"],
  ['learner/a.ts', "import '../infra/b.ts'"],
  ['infra/deep/er/a.ts', "import { b } from '../../../cli/b.ts'"],
  ['learner/a.ts', "import { experiment } from 'millrace'"],
  ['cli/a.ts', "import { Flow } from 'millrace/flow'"],
])('a planted import against an arrow is reported: %s: %s', (path, line) => {
  const { wrong } = checkLayers(house({ [path]: `import { x } from './x.ts'\n${line}\nexport const a = 1\n` }))
  expect(wrong).toHaveLength(1)
  expect(wrong[0]).toContain(`${path} imports `)
})

test('imports along the arrows, of packages and of Node are no faults', () => {
  const { files, imports, wrong } = checkLayers(
    house({
      'learner/flow/a.ts': "import { E } from '../../shared/errors.ts'\nimport { b } from './b.ts'",
      'learner/a.ts': "import { readFileSync } from 'node:fs'\nimport { z } from 'zod'\nimport '../shared/a.ts'",
      'cli/a.ts': "import { a } from '../learner/a.ts'\nimport { b } from '../infra/b.ts'",
      'functions/a.mjs': "export * from '../shared/a.ts'",
      'shared/notes.md': "import { a } from '../cli/a.ts'",
    }),
  )
  expect({ files, imports, wrong }).toEqual({ files: 4, imports: 6, wrong: [] })
})

/** The lint command in a house, with linter and formatter that find nothing. */
function lint(folder: string) {
  const tools = join(folder, 'tools')
  mkdirSync(tools)
  writeFileSync(join(tools, 'npx'), '#!/bin/sh\nexit 0\n')
  chmodSync(join(tools, 'npx'), 0o755)
  const script = join(root, 'scripts/lint.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    cwd: folder,
    env: { PATH: tools },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('the lint command fails on a planted fault, passes without it, and says how much it looked at', () => {
  const good = { 'shared/a.ts': "import { b } from './b.ts'\n" }
  const passed = lint(house(good))
  expect(passed.stdout).toContain('layers: 1 files, 1 relative imports, 0 against the arrows')
  expect(passed.status).toBe(0)
  const failed = lint(house({ ...good, 'shared/c.ts': "import { b } from '../cli/b.ts'\n" }))
  expect(failed.stdout).toContain('layers: 2 files, 2 relative imports, 1 against the arrows')
  expect(failed.stderr).toContain('shared/c.ts imports cli/b.ts')
  expect(failed.status).toBe(1)
})

test('a gate that looked at nothing does not pass', () => {
  expect(lint(house()).status).toBe(1)
})
