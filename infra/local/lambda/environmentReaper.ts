import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/**
 * A shell that holds the process groups of all environments and kills them when its standard input closes, which the
 * kernel does even if this process is killed with SIGKILL. An environment cannot be trusted to end itself: a handler in a
 * busy loop never reads a closed pipe. What an environment started in a group of its own is found by its variables, which it has from
 * there: only where there is /proc, and not where it was started with others.
 */
const SCRIPT = `
trap '' INT TERM HUP
live=' '
while read -r op pid; do
  case $op in
    +) live="$live$pid " ;;
    -) live="\${live%% $pid *} \${live#* $pid }" ;;
  esac
done
for pid in $live; do kill -9 "-$pid"; done 2>/dev/null
for file in $(grep -laF "$1" /proc/[0-9]*/environ 2>/dev/null); do
  pid="\${file#/proc/}"
  kill -9 "\${pid%/environ}" 2>/dev/null
done
`

export class Reaper {
  /** Ids of environments begin with it, and so their processes can be told from all others. */
  readonly mark = randomBytes(8).toString('hex')
  #shell: ChildProcess | undefined

  /** @param pid leader of a process group that must not survive this process */
  watch(pid: number): void {
    if (process.platform === 'win32') return // no shell and no process groups; the runtime still ends with its connection
    if (this.#shell === undefined) {
      this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'reaper', `[$LATEST]${this.mark}`], {
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true,
      })
      this.#shell.on('error', () => {}) // without it the runtime's own connection is the only guard
      this.#shell.stdin?.on('error', () => {})
      this.#shell.unref()
    }
    this.#tell(`+ ${pid}`)
  }

  forget(pid: number): void {
    this.#tell(`- ${pid}`)
  }

  close(): void {
    this.#shell?.stdin?.end()
    this.#shell = undefined
  }

  #tell(line: string): void {
    this.#shell?.stdin?.write(`${line}\n`)
  }
}
