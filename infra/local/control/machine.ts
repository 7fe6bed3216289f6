import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Reaper } from '../lambda/environmentReaper.ts'

/** What a machine of a group runs: the stand-in for its container. */
export interface MachineCommand {
  readonly file: string
  readonly args: readonly string[]
  /** All it sees beside PATH, HOME and the like. */
  readonly environment: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface MachineOptions {
  readonly command: MachineCommand
  readonly reaper: Reaper
  readonly onOutput: (text: string) => void
}

const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LD_LIBRARY_PATH']

/** One machine of a group: a process in a group of its own, which ends with all that it started. */
export class Machine {
  readonly id = `i-${randomBytes(9).toString('hex').slice(1)}`
  state: 'Pending' | 'InService' | 'Terminating' | 'Terminated' = 'Pending'
  /** Resolves when the process has ended, with how it did. */
  readonly gone: Promise<string>
  readonly #child: ChildProcessByStdio<null, Readable, Readable>

  constructor({ command, reaper, onOutput }: MachineOptions) {
    const inherited = INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
    this.#child = spawn(command.file, command.args, {
      env: { ...Object.fromEntries(inherited), ...command.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a Ctrl-C at the terminal is for the cloud, which then ends its machines in order
      ...(command.cwd !== undefined && { cwd: command.cwd }),
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.setEncoding('utf8').on('data', onOutput)
    this.#child.once('spawn', () => {
      if (this.state === 'Pending') this.state = 'InService'
    })
    const { pid } = this.#child
    if (pid !== undefined) reaper.watch(pid)
    this.gone = ended(this.#child).then((how) => {
      this.signal('SIGKILL') // what it started and left behind
      if (pid !== undefined) reaper.forget(pid)
      this.state = 'Terminated'
      return how
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** To the process and all that it started. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined || this.state === 'Terminated') return
    try {
      process.kill(process.platform === 'win32' ? pid : -pid, signal)
    } catch {
      // it ended by itself in this very moment
    }
  }
}

/** The end of a process, its output read; a grandchild that keeps the pipes open is not waited for. */
function ended(child: ChildProcessByStdio<null, Readable, Readable>): Promise<string> {
  return new Promise((resolve) => {
    const how = (code: number | null, signal: string | null) => signal ?? `exit status ${code}`
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(how(code, signal)))
    child.once('exit', (code, signal) => setTimeout(() => resolve(how(code, signal)), 250).unref())
  })
}
