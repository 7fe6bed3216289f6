// A newcomer's transcript, by real processes and by commands that the docs have: from an empty folder to a policy behind an HTTP server.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, expect, inject, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { run as runIn, tried } from './installed.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-newcomer-'))
const project = join(folder, 'my-experiment')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const pages = ['README.md', 'docs/cli.md', 'docs/library.md', 'docs/experiments.md', 'templates/project/README.md']
const docs = pages.map((page) => readFileSync(join(packageRoot(), page), 'utf8')).join('\n')

/** A command of the docs, in which `<…>` stands for what the newcomer puts there. */
function typed(command: string, filled: Readonly<Record<string, string>> = {}): string[] {
  expect(docs, `no page has the command '${command}'`).toContain(command)
  const words = command.replace(/<[^>]+>/g, (name) => filled[name] ?? name).split(' ')
  return words[0] === 'millrace' ? ['npx', '--no-install', ...words] : words
}

/** Runs a command in the project, and gives its status and all that it printed. */
function type(command: string, filled?: Readonly<Record<string, string>>, more: readonly string[] = []) {
  const [program = '', ...args] = typed(command, filled)
  const { status, out, err } = tried(program, [...args, ...more], project)
  return { status, said: out + err, err }
}

const ENV = 'envs/dock.ts'
const good = () => readFileSync(join(packageRoot(), 'templates/project', ENV), 'utf8')

/** Writes the env with one line changed. */
function rewrite(from: string, to: string): void {
  expect(good()).toContain(from)
  writeFileSync(join(project, ENV), good().replace(from, to))
}

const runs = () => (existsSync(join(project, 'runs')) ? readdirSync(join(project, 'runs')) : [])
const json = (...path: string[]) =>
  JSON.parse(readFileSync(join(project, ...path), 'utf8')) as Record<string, Record<string, unknown>>
const updatesIn = (run: string): number[] =>
  readFileSync(join(project, run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { updates: number }).updates)

test('the packed package makes a project in an empty folder', () => {
  const [npx = '', ...args] = typed('npx -y -p ./millrace-0.1.0.tgz millrace init my-experiment')
  symlinkSync(inject('tarball'), join(folder, 'millrace-0.1.0.tgz'))
  const said = runIn(npx, args, folder, { npm_config_cache: inject('npxCache') })
  expect(said).toContain('made my-experiment: ')
  expect(said).toContain('npm run train')
  // What `npm install` does there is init.test.ts's; here it is taken from the shared installation.
  symlinkSync(join(inject('userProject'), 'node_modules'), join(project, 'node_modules'))
  expect(readFileSync(join(project, ENV), 'utf8')).toBe(good())
}, 120_000)

test.each([
  {
    broken: 'throws at a step',
    from: '    this.distance -= this.speed\n',
    to: "    this.distance -= this.speed\n    if (this.speed > 0.45) throw new Error('the thruster is stuck')\n",
    says: [
      /Dock-v0 failed to step: Error: the thruster is stuck \(env \d+, episode step \d+\)/,
      /at Dock\.step \(envs\/dock\.ts:33:\d+\)/,
    ],
  },
  {
    broken: 'leaves its space',
    from: 'observation[0] = this.distance / 10',
    to: 'observation[0] = this.distance',
    says: [
      /Dock-v0 gave an observation of [\d.]+ at element 0, outside its space Box\(\[2\], -5\.\.5\)/,
      /widen the bounds/,
    ],
  },
  {
    broken: 'waits in reset',
    from: 'reset(observation: Float32Array, random: Random): void {',
    to: 'async reset(observation: Float32Array, random: Random): Promise<void> {',
    says: [/Dock-v0 gave a Promise from reset/, /reset and step are synchronous/],
  },
])(
  'an env that is broken ($broken) ends the run with one message: what, where in the file, what to do',
  ({ from, to, says }) => {
    rewrite(from, to)
    const { status, said, err } = type('millrace train experiment.ts')
    expect(status).toBe(1)
    expect(said.match(/^error /gm)).toHaveLength(1)
    expect(err).toMatch(/^error E_ENV_STEP: /m)
    for (const sentence of [...says, /envs\/dock\.ts:\d+/, /shard \d/]) expect(err).toMatch(sentence)
    expect(runs()).toEqual([])
  },
  120_000,
)

test('mended, it trains; Ctrl-C stops it, and it goes on by the command that was printed, to its goal', async () => {
  rewrite('    this.speed = 0\n', "    this.speed = 0\n    console.log('an episode from', this.distance)\n")
  // Nobody reaches 9.5: however fast the machine is, Ctrl-C comes before the end.
  const first = await trainUntilCtrlC('millrace train experiment.ts', {}, ['--set', 'stop.meanReturn=9.5'])
  expect(first.said).toMatch(/^shard \d \| an episode from [\d.]+$/m) // what the env prints
  expect(first.said).toContain('Ended by an interruption, before the goal of 9.5.')
  const run = /^ {2}run folder {3}(\S+)$/m.exec(first.said)?.[1] ?? 'there is no run folder'
  expect(first.said).toContain(`  to go on     npx millrace train --resume ${run}\n`)
  expect(runs()).toEqual([basename(run)])
  expect(json(run, 'summary.json')).toMatchObject({ reason: 'interrupted', attempt: 1 })
  expect(readFileSync(join(project, run, 'output.log'), 'utf8')).toMatch(/^shard \d stdout \| an episode from [\d.]+$/m)
  const before = updatesIn(run)
  expect(before.length).toBeGreaterThan(0)

  rewrite('    this.speed = 0\n', '    this.speed = 0\n')
  const second = await trainUntilCtrlC('millrace train --resume <run folder>', { '<run folder>': run })
  expect(second.said).toContain(`going on with ${run}, attempt 2, from update ${before.length}\n`)
  expect(second.said).toContain("warning: the env's code has changed since the last attempt")
  const reachable = ['--set', 'stop.meanReturn=8.5']
  const third = type('millrace train <experiment> --resume auto', { '<experiment>': 'experiment.ts' }, reachable)
  expect(third.said).toContain(`going on with ${run}, attempt 3, from update `)
  expect(third.said).toMatch(/Reached a mean return of [\d.]+; the goal was 8\.5\./)
  expect(third.status).toBe(0)
  expect(runs()).toEqual([basename(run)])
  const updates = updatesIn(run)
  expect(updates.length).toBeGreaterThan(before.length)
  expect(updates).toEqual(updates.map((_, n) => n + 1)) // neither gap nor overlap

  const over = type('millrace train --resume <run folder>', { '<run folder>': run })
  expect(over).toMatchObject({ status: 0, said: expect.stringContaining('this run is over') })
}, 300_000)

test('evaluate plays what was trained', () => {
  const { status, said } = type('millrace evaluate <run folder>', { '<run folder>': `runs/${runs()[0]}` })
  const mean = Number(/\nmean return ([\d.]+) ± [\d.]+ over 100 episodes/.exec(said)?.[1])
  expect(status).toBe(0)
  expect(mean).toBeGreaterThan(8)
}, 60_000)

test('the Express handler of the docs, with this run, answers with actions that dock', async () => {
  const example = /```ts\n(import express[^]*?)```/.exec(docs)?.[1] ?? 'the docs have no Express handler'
  expect(
    example
      .trimEnd()
      .split('\n')
      .filter((line) => !/^(import|$)/.test(line)).length,
  ).toBeLessThanOrEqual(10)
  writeFileSync(join(project, 'server.mjs'), example.replace('runs/cartpole', `runs/${runs()[0]}`))
  const port = await freePort()
  const server = spawn('node', ['server.mjs'], {
    cwd: project,
    env: { ...process.env, PORT: String(port) },
    stdio: 'inherit',
  })
  try {
    const act = async (distance: number, speed: number): Promise<unknown> => {
      const body = JSON.stringify({ observation: [distance / 10, speed] })
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`http://127.0.0.1:${port}/act`, { method: 'POST', headers, body })
      return await answer.json()
    }
    await expect.poll(() => act(9, 0).catch(() => undefined), { timeout: 60_000 }).toEqual({ action: 2 }) // far and still: push
    expect(await act(0.5, 1)).toEqual({ action: 0 }) // near and fast: brake
    expect(await act(Number.NaN, 0)).toMatchObject({ error: expect.stringContaining('expected a finite number') })
  } finally {
    const gone = once(server, 'close')
    server.kill()
    await gone
  }
}, 90_000)

/** Ctrl-C as a terminal sends it, to the whole group of processes, once updates are shown. */
async function trainUntilCtrlC(
  command: string,
  filled: Readonly<Record<string, string>>,
  more: readonly string[] = [],
): Promise<{ said: string }> {
  const [program = '', ...args] = typed(command, filled)
  const child: ChildProcess = spawn(program, [...args, ...more], {
    cwd: project,
    env: { ...process.env, NO_COLOR: '1', CI: '1', NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, as a shell makes one for every command
  })
  let said = ''
  let sent = false
  const heard = (text: Buffer | string) => {
    said += String(text)
    if (sent || child.pid === undefined || !/ updates [1-9]/.test(said)) return
    sent = true
    process.kill(-child.pid, 'SIGINT')
  }
  child.stdout?.on('data', heard)
  child.stderr?.on('data', heard)
  const ended = await new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)))
  expect([130, 'SIGINT'], said).toContain(ended) // npx passes the signal on to its own end
  return { said }
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
