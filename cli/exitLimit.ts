import { Worker } from 'node:worker_threads'

/** An exit handler may write a file or tell somebody; what takes longer does not end. */
const LIMIT_MS = 10_000

/**
 * Ends the process, if it has not ended by itself a while from now. To be called before `process.exit`: handlers of the user's code run in
 * it, and one that loops can only be ended from another thread. Does nothing where there are no handlers.
 */
export function limitExit(limitMs: number = LIMIT_MS): void {
  if (process.listeners('exit').every(isNodes)) return
  const text = `warning: a handler of the exit (process.on('exit')) has run for ${limitMs / 1000} s; the process is ended\n`
  const program = `setTimeout(() => {
    require('node:fs').writeSync(2, ${JSON.stringify(text)})
    process.kill(process.pid, 'SIGKILL')
  }, ${limitMs})`
  new Worker(program, { eval: true, stdout: false, stderr: false }).unref()
}

/** Node.js has one of its own while a module waits at its top level. */
const isNodes = ({ name }: { readonly name: string }): boolean => name === 'handleProcessExit'
