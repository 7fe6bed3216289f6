import { spawn } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { run as runIn, tried } from './installed.ts'

// The examples of docs/library.md as they stand, in a project that installed the packed package: type-checked strictly, then run.

const user = inject('userProject')
const project = mkdtempSync(join(user, 'library-'))
const run = (command: string, args: readonly string[]) => runIn(command, args, project)
afterAll(() => rmSync(project, { recursive: true, force: true }))

interface Example {
  readonly heading: string
  readonly language: string
  readonly code: string
  readonly name: string
}

const examples: Example[] = []
let heading = ''
const page = readFileSync(join(packageRoot(), 'docs/library.md'), 'utf8')
for (const [, title, language = '', code = ''] of page.matchAll(/^##+ (.*)$|^```(\w+)\n([^]*?)^```$/gm)) {
  // A block that begins with a file's name is that file; the others are programs.
  const file = /^\/\/ (\w+)\.ts\n/.exec(code)?.[1]
  if (title === undefined) examples.push({ heading, language, code, name: file ?? `example${examples.length}` })
  else heading = title
}
const under = (wanted: string, language: string): Example => {
  const found = examples.find((example) => example.heading === wanted && example.language === language)
  if (!found) throw new Error(`docs/library.md has no ${language} under '${wanted}'`)
  return found
}

const SERVERS = ['In an Express handler', 'In a Lambda function']
const programs = examples.filter(
  ({ language, heading, name }) => language === 'ts' && name.startsWith('example') && !SERVERS.includes(heading),
)

beforeAll(() => {
  symlinkSync(join(user, 'node_modules'), join(project, 'node_modules'))
  const millrace = join(user, 'node_modules/millrace/cli/bin.mjs')
  const { status } = tried(
    'node',
    [millrace, 'train', 'cartpole', 'stop.envSteps=30000', '--out', 'runs/cartpole'],
    project,
  )
  expect(status).toBe(2) // these few steps do not reach its goal
  for (const { language, name, code } of examples)
    if (language === 'ts') writeFileSync(join(project, `${name}.ts`), code)
  const strict = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
  }
  const compilerOptions = {
    ...strict,
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    rewriteRelativeImportExtensions: true,
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  run('node', [join(user, 'node_modules/typescript/bin/tsc'), '-p', project]) // beside each .ts its .js, for Node.js 20
}, 120_000)

test('the page has the sections that it promises', () => {
  for (const section of ['Train', 'Evaluate', 'Use a policy']) expect(page).toContain(`\n## ${section}\n`)
  expect(programs.length).toBeGreaterThanOrEqual(2)
})

test.each(programs.map(({ heading, name }) => [heading, name]))('the program under %s runs (%s)', (_heading, name) => {
  expect(run('node', [`${name}.js`])).not.toBe('')
})

test('the Express handler answers many at once, and says what is wrong with an observation', async () => {
  const port = await freePort()
  const { name } = under('In an Express handler', 'ts')
  const server = spawn('node', [`${name}.js`], {
    cwd: project,
    env: { ...process.env, PORT: String(port) },
    stdio: 'inherit',
  })
  try {
    const ask = (observation: unknown) =>
      fetch(`http://127.0.0.1:${port}/act`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ observation }),
      })
    await expect
      .poll(
        () =>
          ask([0, 0, 0, 0]).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBe(200)
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => ask([0, 0, (i - 50) / 250, 0])))
    const actions = await Promise.all(
      answers.map(async (answer) => ((await answer.json()) as { action: unknown }).action),
    )
    expect(actions.every((action) => action === 0 || action === 1)).toBe(true)
    const refused = await ask([1, 2])
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('the observation has 2 elements; the policy takes 4 numbers')
  } finally {
    server.kill()
  }
})

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('the Lambda function', () => {
  test('is packed by the commands of the page, is far below 250 MB, and answers with nothing else beside it', () => {
    writeFileSync(join(project, 'handler.ts'), under('In a Lambda function', 'ts').code)
    run('bash', ['-euc', under('In a Lambda function', 'bash').code])
    const elsewhere = mkdtempSync(join(tmpdir(), 'millrace-lambda-'))
    try {
      cpSync(join(project, 'out'), elsewhere, { recursive: true })
      expect(sizeOf(elsewhere)).toBeLessThan(50e6)
      expect(statSync(join(elsewhere, 'handler.mjs')).size).toBeLessThan(1.2e6)
      const call = `import('./handler.mjs').then((m) => m.handler({ observation: [0, 0, 0, 0] })).then((answer) => console.log(JSON.stringify(answer)))`
      expect(runIn('node', ['-e', call], elsewhere)).toMatch(/^\{"action":[01]\}\n$/)
    } finally {
      rmSync(elsewhere, { recursive: true })
    }
  })
})

test("the browser's snippet names what the model has: the same calls run on onnxruntime-node", () => {
  const { code } = under('In a browser', 'html')
  const script = /<script type="module">([^]*)<\/script>/.exec(code)?.[1] ?? ''
  const here = script.replace(
    /import \* as ort from '[^']+'/,
    "import ort from 'onnxruntime-node'; const document = {}",
  )
  expect(here).not.toBe(script)
  mkdirSync(join(project, 'page'))
  cpSync(join(project, 'runs/cartpole/policy.onnx'), join(project, 'page/policy.onnx'))
  writeFileSync(join(project, 'page/page.mjs'), `${here}\nconsole.log(document.title)`)
  expect(runIn('node', ['page.mjs'], join(project, 'page'))).toMatch(/^action [01]\n$/)
})

function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
