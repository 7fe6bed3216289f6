import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const main = join(packageRoot(), 'dist/cli/main.js')

export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  out(): string
  err(): string
  /** Exit status, null after a signal. */
  readonly ended: Promise<number | null>
}

export interface StartOptions {
  readonly cwd: string
  /** Beside those of this process. */
  readonly variables?: Readonly<Record<string, string>>
}

/** The built command as a process of its own. */
export const startCommand = (args: readonly string[], options: StartOptions): Running =>
  startNode([main, ...args], options)

/** `node` with these arguments; AWS's variables of the developer's shell do not reach it. */
export function startNode(args: readonly string[], { cwd, variables = {} }: StartOptions): Running {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(AWS_|MILLRACE_|NODE_OPTIONS$)/.test(name))
  const env = { ...Object.fromEntries(inherited), CI: '1', ...variables }
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  return { child, pid: child.pid ?? 0, out: () => out, err: () => err, ended }
}

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export async function runCommand(args: readonly string[], options: StartOptions): Promise<Ended> {
  const running = startCommand(args, options)
  const code = await running.ended
  return { code, out: running.out(), err: running.err() }
}

interface Process {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** Every process of this machine that still runs: one that ended and was not reaped does not. */
function processes(): Process[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  return table.split('\n').flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return command === undefined || state?.startsWith('Z')
      ? []
      : [{ pid: Number(pid), parent: Number(parent), command }]
  })
}

/** Pids of the function environments that a process started. */
export function functionsOf(pid: number): number[] {
  return processes()
    .filter(({ parent, command }) => parent === pid && command.includes('bootstrap.'))
    .map((found) => found.pid)
}

export function stillRunning(pids: readonly number[]): number[] {
  return processes()
    .map(({ pid }) => pid)
    .filter((pid) => pids.includes(pid))
}

/** Looks every 20 ms until `condition` gives something other than false or undefined. @throws Error after `withinMs` */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  withinMs = 15_000,
): Promise<Exclude<T, false | undefined>> {
  const end = performance.now() + withinMs
  for (;;) {
    const found = await condition()
    if (found !== false && found !== undefined) return found as Exclude<T, false | undefined>
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await pause(20)
  }
}
