import { signalExitCode, type Signal } from './exitCodes.ts'
import { report } from './report.ts'
import { callUserCodeBy } from '../shared/userCode/index.ts'
import { diskError } from '../library/run/disk.ts'
import { chooseColors, chooseGlyphs, type Terminal, type Variables } from './terminal.ts'

/** The process as the commands see it, so that a test can be one. */
export interface Host {
  readonly out: Terminal
  readonly err: Terminal
  readonly env: Variables
  readonly cwd: string
  /** Milliseconds since the epoch; it may be set, so that no duration is by it. */
  now(): number
  /** Milliseconds of a clock that only goes on; differences mean something. */
  monotonic(): number
  /** Calls `tick` every `ms` until the returned function is called; does not keep the process alive. */
  every(this: void, ms: number, tick: () => void): () => void
  /** Calls `listener` for each signal that asks the process to end, until the returned function is called. */
  onSignal(listener: (signal: Signal) => void): () => void
  /** Lets signals end the process by themselves, without telling a listener, for as long as `work` takes. */
  unwatched<T>(work: () => Promise<T>): Promise<T>
  /** Calls `listener` with what nothing caught (a timer of the user's, a promise), until the returned function is called. */
  onUncaught(this: void, listener: (error: unknown) => void): () => void
  /** Ends the process at once. */
  exit(code: number): void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * The real process. Output that nobody takes any more (`| head`, a full disk) counts as the signal SIGPIPE.
 *
 * @param die gets what nothing caught while no listener of `onUncaught` is there
 */
export function processHost(die: (error: unknown) => void): Host {
  const catchers = new Set<(error: unknown) => void>()
  const caught = (error: unknown) => {
    if (catchers.size === 0) die(error)
    for (const listener of catchers) listener(error)
  }
  process.on('uncaughtException', caught)
  process.on('unhandledRejection', caught)
  const listeners = new Set<(signal: Signal) => void>()
  const handlers = SIGNALS.map((signal) => [signal, () => emit(signal)] as const)
  const watch = (on: boolean) => {
    for (const [signal, handler] of handlers) {
      process.off(signal, handler)
      if (on) process.on(signal, handler)
    }
  }
  const emit = (signal: Signal) => {
    if (listeners.size === 0) process.exit(signalExitCode(signal))
    for (const listener of listeners) listener(signal)
  }
  callUserCodeBy((work) => {
    if (listeners.size === 0) return work()
    watch(false)
    try {
      return work()
    } finally {
      watch(listeners.size > 0)
    }
  })
  let broken = false
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (broken) return
    broken = true
    if (error.code !== 'EPIPE') process.stderr.write(report(diskError(error, 'write', 'standard output')).text)
    emit('SIGPIPE')
  })
  return {
    out: terminal(process.stdout, () => !broken),
    err: terminal(process.stderr, () => true),
    env: process.env,
    cwd: process.cwd(),
    now: () => Date.now(),
    monotonic: () => performance.now(),
    every(ms, tick) {
      const timer = setInterval(tick, ms)
      timer.unref()
      return () => clearInterval(timer)
    },
    onSignal(listener) {
      listeners.add(listener)
      watch(true)
      return () => {
        listeners.delete(listener)
        watch(listeners.size > 0)
      }
    },
    onUncaught(listener) {
      catchers.add(listener)
      return () => void catchers.delete(listener)
    },
    async unwatched(work) {
      watch(false)
      try {
        return await work()
      } finally {
        watch(listeners.size > 0)
      }
    },
    exit(code) {
      watch(false) // a handler of the user's that loops can be ended
      process.exit(code)
    },
  }
}

function terminal(stream: NodeJS.WriteStream, writable: () => boolean): Terminal {
  const isTTY = stream.isTTY === true && process.env['TERM'] !== 'dumb'
  return {
    isTTY,
    get columns() {
      return Math.max(20, stream.columns || 80)
    },
    colors: chooseColors(isTTY, process.env),
    glyphs: chooseGlyphs(process.env),
    write(text) {
      if (writable()) stream.write(text)
    },
  }
}
