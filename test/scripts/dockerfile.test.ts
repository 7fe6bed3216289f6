import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Image {
  readonly base: string
  readonly steps: readonly { readonly kind: string; readonly command?: string; readonly env?: object }[]
  readonly user: string
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  readonly command: { readonly entrypoint: readonly string[]; readonly cmd: readonly string[] }
}
const { readDockerfile, isIgnored } = (await import(
  new URL('../../scripts/image/dockerfile.mjs', import.meta.url).href
)) as {
  readonly readDockerfile: (text: string, args?: Readonly<Record<string, string>>) => Image
  readonly isIgnored: (text: string, path: string) => boolean
}

const file = (name: string) => readFileSync(new URL(`../../infra/${name}`, import.meta.url), 'utf8')
const learner = file('learner.Dockerfile')

test('the learner’s image is Debian, runs as a user of its own, and hands signals to what it runs', () => {
  const image = readDockerfile(learner)
  expect(image.base).toBe('debian:trixie-slim')
  expect(image.user).toBe('millrace')
  expect(image.command.entrypoint.slice(0, 3)).toEqual(['tini', '--', 'node'])
  expect(image.command.cmd).toEqual(['learner'])
})

test('the engine that is asked for is the one that is installed, and the one that the container is told of', () => {
  for (const engine of ['onnxruntime-cpu', 'onnxruntime-cuda', 'tfjs-node-gpu']) {
    const image = readDockerfile(learner, { ENGINE: engine })
    expect(image.env['MILLRACE_ENGINE']).toBe(engine)
    const [install] = image.steps.filter((step) => step.kind === 'RUN')
    expect(install).toMatchObject({ command: './infra/learner/install.sh ${ENGINE}', env: { ENGINE: engine } })
    expect(file('learner/install.sh')).toContain(`\n${engine})`)
  }
})

test('the CUDA provider is of the version that package.json pins', () => {
  const { dependencies } = JSON.parse(file('../package.json')) as { dependencies: Record<string, string> }
  expect(file('learner/cuda13.txt')).toContain(`\nonnxruntime-gpu==${dependencies['onnxruntime-node']} `)
})

test('what the image is made of comes through its ignore file, and nothing else does', () => {
  const ignore = file('learner.Dockerfile.dockerignore')
  for (const path of ['package.json', 'dist/cli/main.js', 'examples/cartpole.ts', 'infra/learner/install.sh'])
    expect([path, isIgnored(ignore, path)]).toEqual([path, false])
  for (const path of [
    '.env',
    '.npmrc',
    '.git/config',
    'node_modules/x/y.js',
    'runs/a',
    'infra/aws/settings.ts',
    'dist/types/a.d.ts',
  ])
    expect([path, isIgnored(ignore, path)]).toEqual([path, true])
})

test.each([
  ['a step that the check would pass over', 'FROM a\nADD https://x /y', 'the check knows no ADD'],
  ['a shell that keeps SIGTERM to itself', 'FROM a\nENTRYPOINT node main.js', 'not in the exec form'],
  ['a variable from before FROM', 'ARG X=1\nFROM a\nWORKDIR /$X', 'X is not set here'],
  ['a build argument that nobody gives', 'FROM a\nARG X', 'X has no preset'],
  ['nothing to start from', 'ARG X=1', 'there is no FROM'],
])('%s is refused', (_, text, sentence) => {
  expect(() => readDockerfile(text)).toThrow(sentence)
})

test('variables, continued lines and comments read as Docker reads them', () => {
  const image = readDockerfile(
    'ARG B=x\nFROM ${B}:1\nARG E=cpu\nENV A=1 B=$E\nRUN one \\\n  # why\n  two ${E}\nWORKDIR /w/$B',
    {
      E: 'gpu',
    },
  )
  expect(image).toMatchObject({ base: 'x:1', env: { A: '1', B: 'gpu' }, folder: '/w/gpu' })
  expect(image.steps[0]).toMatchObject({ kind: 'RUN', command: 'one two ${E}', env: { E: 'gpu', A: '1' } })
})
