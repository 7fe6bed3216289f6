import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const root = packageRoot()

test("an experiment in the checkout's root is type-checked, with every entry of the package and with Node's own types", () => {
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as { include: string[] }
  expect(include).toContain('*.ts')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-types-'))
  try {
    const compilerOptions = { typeRoots: [join(root, 'node_modules/@types')] }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }),
    )
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }
    // Settings and the component are for a project of SST's; tsconfig.sst.json checks what this checkout has of it.
    const entries = Object.keys(exports).filter((name) => !/package.json|settings|sst/.test(name))
    const imports = entries.map((name, i) => `import * as m${i} from '${name.replace('.', 'millrace')}'`)
    writeFileSync(
      join(folder, 'mine.ts'),
      [
        ...imports,
        `import { readFileSync } from 'node:fs'`,
        `console.log(process.pid, readFileSync, ${imports.map((_, i) => `m${i}`).join(', ')})`,
        `export const wrong = new m0.Random(1).uniform(-1, 1)`,
      ].join('\n'),
    )
    const { stdout } = spawnSync('node', [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
      encoding: 'utf8',
    })
    const faults = stdout.split('\n').filter((line) => line.includes('error TS'))
    expect(faults).toEqual([
      expect.stringMatching(/mine\.ts\(\d+,\d+\): error TS2554: Expected 0 arguments, but got 2\./),
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 60_000)
