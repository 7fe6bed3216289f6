import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runProgram } from '../../../cli/program.ts'
import { FakeHost } from '../fakeHost.ts'
import { noCommands } from '../helpOf.ts'

let cwd: string
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-completion-'))
  const files = {
    'mine.ts': 'export default experiment({})',
    'other.ts': 'export const x = 1',
    'notes.txt': '',
    '.sst/stage': 'demo\n',
  }
  for (const name of ['.sst', 'parts', 'runs/a', 'runs/b', 'runs/half', 'node_modules'])
    mkdirSync(join(cwd, name), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  writeFileSync(join(cwd, 'parts/deep.ts'), '')
  for (const name of ['runs/a', 'runs/b']) writeFileSync(join(cwd, name, 'policy.json'), '{}')
  utimesSync(join(cwd, 'runs/a'), 1, 1)
})
afterAll(() => rmSync(cwd, { recursive: true }))

/** What these words may become; the last one is being typed. */
async function complete(
  words: readonly string[],
  shell = 'zsh',
): Promise<{ kind: string; values: string[]; text: string }> {
  const host = new FakeHost(cwd)
  const exitCode = await runProgram(['completion', shell, '--', ...words], host, { commands: noCommands, version: '1' })
  expect({ exitCode, err: host.err.text }).toEqual({ exitCode: 0, err: '' })
  const [kind = '', ...lines] = host.out.text.trimEnd().split('\n')
  return { kind, values: lines.map((line) => line.split('\t')[0] ?? ''), text: host.out.text }
}

describe('completion offers', () => {
  test.each<[string[], string[]]>([
    [['tr'], ['train']],
    [['s'], ['status', 'stop']],
    [['help', 'ev'], ['evaluate']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [
      ['train', '--se'],
      ['--seed', '--set', '--serial'],
    ],
    [
      ['train', 'mine.ts', '--seed', '3', '--se'],
      ['--set', '--serial'],
    ],
    [
      ['train', 'mine.ts', '--set', 'a=1', '--se'],
      ['--seed', '--set', '--serial'],
    ],
    [['train', '--seed', ''], []],
    [['train', '--env', 'Pend'], ['Pendulum-v1']],
    [['train', '--env', 'CartPole-v1', '--algorithm', 'pp'], ['ppo']],
    [
      ['train', '--env=MinAtar/Br'],
      ['--env=MinAtar/Breakout-v0', '--env=MinAtar/Breakout-v1'],
    ],
    [
      ['train', '--faults', ''],
      ['calm', 'storm', 'all'],
    ],
    [
      ['train', ''],
      ['mine.ts', 'cartpole-throughput', 'cartpole'],
    ],
    [['train', '--serial', 'mi'], ['mine.ts']],
    [['train', 'o'], ['other.ts']],
    [['train', 'par'], ['parts/']],
    [['graph', 'parts/'], ['parts/deep.ts']],
    [
      ['list', ''],
      ['envs', 'algorithms'],
    ],
    [['graph', 'mine.ts', '--format', 'm'], ['mermaid']],
    [
      ['graph', 'mine.ts', '--format='],
      ['--format=text', '--format=mermaid', '--format=json'],
    ],
    [
      ['evaluate', ''],
      ['runs/b', 'runs/a'],
    ],
    [['evaluate', 'runs/h'], ['runs/half/']],
    [['run', '--stage', ''], ['demo']],
    [['run', '--stage=d'], ['--stage=demo']],
    [['train', 'mine.ts', '--out', 'p'], ['parts/']],
    [['trian', ''], []],
    [['train', '--', '-'], []],
  ])('%j: %j', async (words, values) => {
    const all = await complete(words)
    expect(all.values.filter((value) => words.at(-1) !== '' || !value.startsWith('--'))).toEqual(values)
  })

  test('every command and every option that help shows, with what it says of them', async () => {
    const host = new FakeHost(cwd)
    await runProgram(['--help'], host, { commands: noCommands, version: '1' })
    const { values, text } = await complete([''])
    expect(values.length).toBeGreaterThan(12)
    for (const command of values) {
      expect(host.out.text).toContain(`\n  ${command} `.trimEnd())
      const help = new FakeHost(cwd)
      await runProgram(['help', command], help, { commands: noCommands, version: '1' })
      const shown = help.out.text.match(/^ {2}(?:-\w, )?--[\w-]+/gm)?.map((line) => line.replace(/.*(?=--)/, '')) ?? []
      expect((await complete([command, '-'])).values.toSorted()).toEqual(shown.toSorted())
    }
    expect(text).toContain('train\ttrain an experiment')
  })
})

test('bash, which breaks words at = and :, hears only what follows', async () => {
  expect((await complete(['graph', 'x', '--format', '=', 'me'], 'bash')).values).toEqual(['mermaid'])
  expect((await complete(['graph', 'x', '--format', '='], 'bash')).values).toEqual(['text', 'mermaid', 'json'])
  expect((await complete(['train', `'mi`], 'bash')).values).toEqual(['mine.ts'])
})

test('paths are called so: a shell quotes them, and does not end a word at a folder', async () => {
  expect((await complete(['train', ''])).kind).toBe('paths')
  expect((await complete(['train', '--'])).kind).toBe('words')
})
