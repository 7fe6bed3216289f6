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
    list: called('list', 0),
    cloud: called('cloud', 0),
    init: called('init', 0),
    deploy: called('deploy', 0),
    run: called('run', 2),
    status: called('status', 0),
    logs: called('logs', 0),
    stop: called('stop', 0),
    remove: called('remove', 0),
    doctor: called('doctor', 1),
    learner: called('learner', 0),
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
    expect((await run('cloud --stage demo --app rivers --learner none')).calls).toEqual([
      ['cloud', { port: 4566, stage: 'demo', app: 'rivers', learner: 'none' }],
    ])
  })

  test('train takes an env and an algorithm in the place of a file, with all its other options', async () => {
    const pair = { env: 'Pendulum-v1', algorithm: 'ppo' }
    const { calls } = await run('train --env Pendulum-v1 --algorithm ppo a=1 --seed 3 --resume auto')
    expect(calls).toEqual([['train', { pair, seed: 3, resume: 'auto', set: { a: '1' }, serial: false, quiet: false }]])
  })

  test('run takes what train takes and a stage, and can leave the run alone', async () => {
    const { calls, exitCode } = await run('run my.ts --stage demo --seed 3 --out out --set a=1 b=2 --detach --quiet')
    const options = {
      file: 'my.ts',
      stage: 'demo',
      seed: 3,
      out: 'out',
      set: { a: '1', b: '2' },
      detach: true,
      quiet: true,
    }
    expect(calls).toEqual([['run', options]])
    expect(exitCode).toBe(2)
  })

  test.each([
    ['run my.ts --stage demo', 'run', { file: 'my.ts', stage: 'demo', set: {}, detach: false, quiet: false }],
    ['status --stage demo', 'status', { stage: 'demo', follow: false, json: false }],
    [
      'status --stage demo a --follow --out x',
      'status',
      { stage: 'demo', run: 'a', follow: true, json: false, out: 'x' },
    ],
    ['logs --stage demo', 'logs', { stage: 'demo', of: 'all', sinceMs: 600_000, follow: false }],
    [
      'logs --stage demo --of learner --since 1.5h --follow',
      'logs',
      { stage: 'demo', of: 'learner', sinceMs: 5_400_000, follow: true },
    ],
    ['list envs', 'list', { what: 'envs', json: false }],
    ['list envs --json', 'list', { what: 'envs', json: true }],
    ['list algorithms', 'list', { what: 'algorithms', json: false }],
    ['stop --stage demo', 'stop', { stage: 'demo', now: false }],
    ['stop --stage demo a --now', 'stop', { stage: 'demo', run: 'a', now: true }],
    ['evaluate a --stage demo', 'evaluate', { folder: 'a', stage: 'demo', episodes: 100, seed: 0, stochastic: false }],
    ['deploy --stage demo', 'deploy', { stage: 'demo' }],
    ['remove --stage demo', 'remove', { stage: 'demo' }],
    ['doctor --stage demo --json', 'doctor', { stage: 'demo', json: true, deadMan: false }],
    ['init my-experiment', 'init', { folder: 'my-experiment' }],
    ['init my-experiment --millrace file:x', 'init', { folder: 'my-experiment', millrace: 'file:x' }],
    ['learner --stage demo --once', 'learner', { stage: 'demo', once: true }],
    ['learner --parameter /millrace/a/b', 'learner', { parameter: '/millrace/a/b', once: false }],
  ])('`millrace %s` reaches its command as data', async (line, name, options) => {
    expect((await run(line)).calls).toEqual([[name, options]])
  })

  test.each([
    ['trai my.ts', /unknown command 'trai'; did you mean 'train'\?/],
    [
      'nothing',
      /unknown command 'nothing'; there are train, evaluate, graph, list, cloud, deploy, run, status, logs, stop, doctor, learner, remove, init, completion, help /,
    ],
    ['train my.ts --sed 3', /unknown option '--sed'; did you mean '--seed'\?/],
    ['train my.ts --seeed=3', /unknown option '--seeed=3'; did you mean '--seed'\?/],
    ['run my.ts --stag demo', /unknown option '--stag'; did you mean '--stage'\?/],
    ['run my.ts', /required option '--stage <name>' not specified/],
    ['train my.ts --quite', /unknown option '--quite'; did you mean '--quiet'\?/],
    [
      'evaluate runs/a --zzzzzzzz',
      /unknown option '--zzzzzzzz'; there are --debug, --stage, --episodes, --seed, --stochastic, --help/,
    ],
    ['train', /missing required argument 'experiment'/],
    ['train my.ts --seed', /option '--seed <n>' argument missing/],
    ['train my.ts --seed x', /'--seed <n>' argument 'x' is invalid\. expected a whole number/],
    ['train my.ts --seed -1', /argument '-1' is invalid\. expected a whole number/],
    ['train my.ts --seed 9007199254740992', /expected a whole number from 0 to 9,007,199,254,740,991/],
    ['train my.ts --out=', /'--out <folder>' argument '' is invalid\. expected the name of a folder/],
    ['train --resume=', /'--resume <folder>' argument '' is invalid\. expected the name of a folder/],
    ['train my.ts other.ts', /unexpected argument 'other\.ts'/],
    ['train my.ts --set shards', /--set wants key=value, got 'shards'/],
    ['evaluate a b', /too many arguments/],
    ['evaluate a --episodes 0', /expected a whole number from 1 to 1,000,000/],
    ['train my.ts --env CartPole-v1 --algorithm ppo', /--env and --algorithm stand in the place of my\.ts/],
    ['train --env CartPole-v1', /--env CartPole-v1 goes with --algorithm; millrace list envs says which take it/],
    ['train --algorithm ppo', /--algorithm ppo goes with --env; millrace list envs says what it takes/],
    ['list', /missing required argument 'what', as in 'millrace list envs'; there are envs, algorithms/],
    ['list env', /'env' is invalid.*expected envs, algorithms; did you mean 'envs'\?/],
    ['graph my.ts --format mermai', /expected text, mermaid, json; did you mean 'mermaid'\?/],
    ['cloud --port 70000', /expected a port, 0 to 65535/],
    ['run my.ts', /required option '--stage <name>' not specified/],
    ['run --stage demo', /missing required argument 'experiment'/],
    [
      'run my.ts --stage Demo',
      /'Demo' is invalid\. expected 1 to 24 small letters and digits, with single hyphens between them/,
    ],
    ['evaluate a --stage x_y', /expected 1 to 24 small letters/],
    ['logs --stage demo --of learnr', /expected all, learner, rollout, evaluate; did you mean 'learner'\?/],
    ['logs --stage demo --since 5', /expected a time such as 30s, 10m, 2h or 1d/],
    ['stop --stage demo a b', /too many arguments/],
    ['status --stage demo --folow', /unknown option '--folow'; did you mean '--follow'\?/],
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
    expect(help.out).toContain('Exit status:\n  0        done')
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
