import { describe, expect, test } from 'vitest'
import { runProgram, type Commands } from '../../cli/program.ts'
import { MillraceError } from '../../shared/errors.ts'
import { FakeHost } from './fakeHost.ts'

type Call = readonly [name: string, options: unknown]

async function run(line: string, changes: Partial<Commands> = {}) {
  const calls: Call[] = []
  const called = (name: string, exitCode: number) => async (options: unknown) => {
    calls.push([name, options])
    return exitCode
  }
  const commands: Commands = {
    train: called('train', 2),
    evaluate: called('evaluate', 0),
    graph: called('graph', 0),
    cloud: called('cloud', 0),
    ...changes,
  }
  const host = new FakeHost('/work')
  const exitCode = await runProgram(line.split(' ').filter(Boolean), host, { commands, version: '1.2.3' })
  return { calls, exitCode, out: host.out.text, err: host.err.text }
}

describe('the command line', () => {
  test('train takes its options; --set may be repeated or followed by more', async () => {
    const { calls, exitCode } = await run(
      'train my.ts --seed 3 --out out --set rollouts.shards=4 --set a.b=c=d stop.seconds=5 --serial --quiet',
    )
    expect(calls).toEqual([
      [
        'train',
        {
          file: 'my.ts',
          seed: 3,
          out: 'out',
          set: { 'rollouts.shards': '4', 'a.b': 'c=d', 'stop.seconds': '5' },
          serial: true,
          quiet: true,
        },
      ],
    ])
    expect(exitCode).toBe(2)
  })

  test('what is left out has its default, or is not there', async () => {
    expect((await run('train my.ts')).calls).toEqual([
      ['train', { file: 'my.ts', set: {}, serial: false, quiet: false }],
    ])
    expect((await run('evaluate runs/a')).calls).toEqual([
      ['evaluate', { folder: 'runs/a', episodes: 100, seed: 0, stochastic: false }],
    ])
    expect((await run('graph my.ts')).calls).toEqual([['graph', { file: 'my.ts', format: 'text' }]])
    expect((await run('cloud')).calls).toEqual([['cloud', { port: 4566 }]])
    expect((await run('cloud --port 0 --folder f')).calls).toEqual([['cloud', { port: 0, folder: 'f' }]])
  })

  test.each([
    ['', /a command is missing; there are train, evaluate, graph, cloud/],
    ['trai my.ts', /unknown command 'trai'; did you mean 'train'\?/],
    ['nothing', /unknown command 'nothing'; there are train, evaluate, graph, cloud/],
    ['train my.ts --sed 3', /unknown option '--sed'; did you mean '--seed'\?/],
    ['train my.ts --seeed=3', /unknown option '--seeed=3'; did you mean '--seed'\?/],
    ['train my.ts --quite', /unknown option '--quite'; did you mean '--quiet'\?/],
    [
      'evaluate runs/a --zzzzzzzz',
      /unknown option '--zzzzzzzz'; there are --debug, --episodes, --seed, --stochastic, --help/,
    ],
    ['train', /missing required argument 'experiment'/],
    ['train my.ts --seed', /option '--seed <n>' argument missing/],
    ['train my.ts --seed x', /'--seed <n>' argument 'x' is invalid\. expected a whole number/],
    ['train my.ts --seed -1', /argument '-1' is invalid\. expected a whole number/],
    ['train my.ts other.ts', /unexpected argument 'other\.ts'/],
    ['train my.ts --set shards', /--set wants key=value, got 'shards'/],
    ['evaluate a b', /too many arguments/],
    ['evaluate a --episodes 0', /expected a whole number from 1 to 1,000,000/],
    ['graph my.ts --format mermai', /expected text, mermaid, json; did you mean 'mermaid'\?/],
    ['cloud --port 70000', /expected a port, 0 to 65535/],
  ])('`millrace %s` is refused in one sentence, with status 64', async (line, sentence) => {
    const { calls, exitCode, err } = await run(line)
    expect(err).toMatch(sentence)
    expect(err).toMatch(/^error E_USAGE: .*\n$/)
    expect(exitCode).toBe(64)
    expect(calls).toEqual([])
  })

  test('--help shows examples and the exit statuses, --version the version; both succeed', async () => {
    const help = await run('--help')
    expect(help.exitCode).toBe(0)
    expect(help.out).toContain('millrace train cartpole')
    expect(help.out).toContain('Exit status: 0 done')
    expect((await run('train --help')).out).toContain('--set <key=value>')
    expect(await run('--version')).toMatchObject({ exitCode: 0, out: '1.2.3\n', err: '' })
  })

  test('an error of a command is reported on stderr, with its stack only under --debug', async () => {
    const failing = {
      train: async () => {
        throw new MillraceError('E_DISK', 'the disk is full')
      },
    }
    const { exitCode, err, out } = await run('train my.ts', failing)
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(err).toBe('error E_DISK: the disk is full\n')
    expect(err).not.toMatch(/^\s+at /m)
    expect((await run('train my.ts --debug', failing)).err).toMatch(/^\s+at /m)
  })
})
