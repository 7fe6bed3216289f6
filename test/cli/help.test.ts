import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EXIT_TABLE } from '../../cli/exitCodes.ts'
import { SECTIONS } from '../../cli/help.ts'
import { runProgram } from '../../cli/program.ts'
import { FakeHost } from './fakeHost.ts'
import { helpOf, noCommands } from './helpOf.ts'

let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-help-'))
  mkdirSync(join(cwd, 'runs/mine'), { recursive: true })
  writeFileSync(join(cwd, 'runs/mine/policy.json'), '{}')
  writeFileSync(join(cwd, "bob's.ts"), 'export default experiment({})')
  writeFileSync(join(cwd, 'other.ts'), 'export const helper = 1')
})
afterAll(() => rmSync(cwd, { recursive: true }))

async function typed(args: readonly string[], host = new FakeHost(cwd)) {
  const exitCode = await runProgram(args, host, { commands: noCommands, version: '1.2.3' })
  return { exitCode, out: host.out.text, err: host.err.text }
}

describe('help is where hands go', () => {
  test.each([[[]], [['-h']], [['--help']], [['help']], [['help', '--debug']]])(
    'millrace %j: all commands',
    async (args) => {
      const { exitCode, out, err } = await typed(args)
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
      expect(out).toBe(await helpOf(''))
      for (const line of ['On this machine:', 'On AWS, on a stage:', '  train [experiment]', 'Exit status:'])
        expect(out).toContain(line)
    },
  )

  test.each([[['help', 'train']], [['train', '-h']], [['train', '--help']], [['train', 'help']]])(
    'millrace %j: that of train',
    async (args) => {
      expect(await typed(args)).toEqual({ exitCode: 0, out: await helpOf('train'), err: '' })
    },
  )

  test.each([['-v'], ['-V'], ['--version'], ['version']])('millrace %s: the version', async (arg) => {
    expect(await typed([arg])).toEqual({ exitCode: 0, out: '1.2.3\n', err: '' })
  })

  test('a file of that name is a file: train help trains it', async () => {
    writeFileSync(join(cwd, 'help'), '')
    const { err } = await typed(['train', 'help'])
    rmSync(join(cwd, 'help'))
    expect(err).toContain('help runs no command')
  })

  test('every command has its section and examples, which begin with it', async () => {
    const out = await helpOf('')
    const listed = SECTIONS.flatMap(({ commands }) => Object.entries(commands))
    expect(
      out
        .match(/^ {2}[a-z]+(?= |$)/gm)
        ?.map((name) => name.trim())
        .filter((name) => name !== 'millrace'),
    ).toEqual(listed.map(([name]) => name))
    for (const [name, examples] of listed) {
      const help = await helpOf(name)
      for (const [command] of examples) {
        expect(help).toContain(command)
        expect(command).toContain(`millrace ${name} `.trimEnd())
      }
    }
  })
})

describe('a wrong guess is answered with the right one', () => {
  test.each<[string[], RegExp]>([
    [['trian'], /unknown command 'trian'; did you mean 'train'\?/],
    [['help', 'trian'], /unknown command 'trian'; did you mean 'train'\?/],
    [['eval', 'x'], /did you mean 'evaluate'\?/],
    [['ls'], /did you mean 'status'\?/],
    [['destroy'], /did you mean 'remove'\?/],
    [[`bob's.ts`], /bob's\.ts is a file, not a command; did you mean 'millrace train 'bob'\\''s\.ts''\?/],
    [['cartpole'], /cartpole is an example, not a command; did you mean 'millrace train cartpole'\?/],
    [['runs/mine'], /runs\/mine is a run folder, not a command; did you mean 'millrace evaluate runs\/mine'\?/],
    [['--stage', 'demo'], /--stage comes after a command that takes it: evaluate, cloud, deploy, run,/],
    [
      ['train'],
      /missing required argument 'experiment', as in .*; experiments here: 'bob'\\''s\.ts'; examples of Millrace: .*\bcartpole\b/,
    ],
    [['evaluate'], /missing required argument 'run folder', as in 'millrace evaluate runs\/mine'/],
    [['train', 'x', '--sede', '3'], /unknown option '--sede'; did you mean '--seed'\?/],
    [['completion', 'powershell'], /'powershell' is invalid.*bash, zsh, fish/],
  ])('millrace %j', async (args, sentence) => {
    const { exitCode, out, err } = await typed(args)
    expect(err).toMatch(sentence)
    expect(err).toMatch(/^error E_USAGE: .*\n$/)
    expect({ exitCode, out }).toEqual({ exitCode: 64, out: '' })
  })
})

test('on a terminal an error is broken between words; into a pipe it is a line', async () => {
  const host = new FakeHost(cwd)
  Object.assign(host, { err: Object.assign(Object.create(host.err) as FakeHost['err'], { isTTY: true, columns: 40 }) })
  const { err } = await typed(['train'], host)
  expect(err.split('\n').length).toBeGreaterThan(4)
  for (const line of err.split('\n')) expect(line.length).toBeLessThanOrEqual(40)
})

test('docs/cli.md and --help have the exit statuses of cli/exitCodes.ts, in its words', async () => {
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
  const rows = page.slice(page.indexOf('## Exit statuses')).matchAll(/^\| ([\d +n]+?) +\| (.*?) +\|$/gm)
  const plain = (text: string) => text.replaceAll('`', '').replace(/ \(\[.*?\]\(.*?\)\)/, '')
  expect([...rows].map(([, status, meaning = '']) => [status, plain(meaning)])).toEqual(EXIT_TABLE)
  const help = (await helpOf('')).replace(/\s+/g, ' ')
  for (const [status, meaning] of EXIT_TABLE) expect(help).toContain(`${status} ${meaning}`)
})

test('docs/cli.md names every command and every option', async () => {
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
  for (const name of SECTIONS.flatMap(({ commands }) => Object.keys(commands))) {
    expect(page).toContain(`millrace ${name}`)
    for (const option of (await helpOf(name)).match(/--[\w-]+(?= )/g) ?? []) expect(page).toContain(option)
  }
})
