import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Credentials } from '../../../shared/cloud/credentials.ts'
import { type MemoryWatch, peakMemoryMb } from './environmentMemory.ts'
import { environmentVariables, heapFlags, logStreamOf } from './environmentProcess.ts'
import type { Reaper } from './environmentReaper.ts'
import type { LambdaFunction } from './function.ts'
import { LogTail, startLine } from './log.ts'
import { type Outcome, exited, outOfMemory, responseOutcome, timedOut } from './outcome.ts'
import { type RuntimeInvocation, type StartParts, serveRuntimeApi } from './runtimeApi.ts'

/** What every environment has in common. */
export interface RuntimeOptions {
  /** The runtime: a file run by `node` that speaks the Runtime API. */
  readonly bootstrap: string
  /** It is not Millrace's own, and cannot say the token of its environment. */
  readonly foreignRuntime: boolean
  readonly node: string
  readonly initTimeoutMs: number
  /** What functions have in their environment. */
  readonly credentials: Credentials
  /** Asked for every environment: by how much its wall clock is wrong, ms. */
  readonly clockSkewMs?: (() => number) | undefined
  readonly onLog: ((chunk: Buffer, environment: Environment) => void) | undefined
  /** What the process itself wrote, without the platform's own lines. */
  readonly onOutput: ((chunk: Buffer, stream: OutputStream, environment: Environment) => void) | undefined
}

export interface EnvironmentOptions extends RuntimeOptions {
  readonly fn: LambdaFunction
  readonly memory: MemoryWatch
  readonly reaper: Reaper
}

export type OutputStream = 'stdout' | 'stderr'

/** How an environment came up. `spawnMs` is what `initMs` holds beside the runtime's own two parts. */
export interface Init {
  readonly initMs: number
  readonly parts: { readonly spawnMs: number; readonly bootMs: number; readonly loadMs: number } | undefined
  /** Why it did not come up. */
  readonly failure: ((requestId: string) => Outcome) | undefined
}

/**
 * One execution environment: a process in a group of its own that runs one invocation at a time. `ready` settles when it
 * first asks for work or cannot; `gone` when its process has ended and everything it wrote was read. Between invocations
 * the process is not frozen as on Lambda, so background work goes on there.
 */
export class Environment {
  readonly id: string
  readonly logStream: string
  readonly fn: LambdaFunction
  readonly ready: Promise<Init>
  readonly gone: Promise<void>
  readonly log = new LogTail()
  alive = true
  /** Of the invocation in hand. */
  requestId: string | undefined
  /** What the newest invocation was given. */
  payload: Buffer | undefined
  /** Of this environment so far. */
  maxMemoryMb = 0
  readonly #options: EnvironmentOptions
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  readonly #startedAt: number
  #deliver: ((invocation: RuntimeInvocation) => void) | undefined
  #settleInit: ((init: Init) => void) | undefined
  #settleInvocation: ((outcome: Outcome) => void) | undefined
  #outcome: Outcome | undefined
  #initFailure: Init['failure']
  #doom: ((requestId: string) => Outcome) | undefined
  #timer: NodeJS.Timeout | undefined

  static async start(options: EnvironmentOptions): Promise<Environment> {
    const startedAt = performance.now()
    let environment: Environment // set before the process exists that makes the first of these calls
    const token = options.foreignRuntime ? undefined : randomBytes(30).toString('base64url')
    const host = {
      onNext: (deliver: (invocation: RuntimeInvocation) => void, parts: StartParts) =>
        environment.#onNext(deliver, parts),
      onResponse: (id: string, body: Buffer) => environment.#onOutcome(id, responseOutcome(body)),
      onError: (id: string, body: Buffer) =>
        environment.#onOutcome(id, { status: 'error', errorType: undefined, body }),
      onInitError: (body: Buffer) => environment.#onInitError(body),
    }
    const api = await serveRuntimeApi(host, token)
    environment = new Environment(options, { address: api.address, token }, startedAt)
    void environment.gone.then(api.close)
    return environment
  }

  private constructor(
    options: EnvironmentOptions,
    api: { readonly address: string; readonly token: string | undefined },
    startedAt: number,
  ) {
    this.#options = options
    this.fn = options.fn
    this.id = `${options.reaper.mark}${randomBytes(8).toString('hex')}`
    this.logStream = logStreamOf(this.id)
    this.#startedAt = startedAt
    this.#child = spawn(options.node, [...heapFlags(options.fn.memoryMb), options.bootstrap], {
      cwd: options.fn.taskRoot,
      env: environmentVariables(options.fn, {
        api,
        logStream: this.logStream,
        credentials: options.credentials,
        clockSkewMs: options.clockSkewMs?.() ?? 0,
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own: a Ctrl-C at the terminal is for the learner, and what it starts dies with it
    })
    this.ready = new Promise((resolve) => (this.#settleInit = resolve))
    this.gone = this.#ended()
    if (this.#child.pid !== undefined) options.reaper.watch(this.#child.pid)
    for (const stream of ['stdout', 'stderr'] as const)
      this.#child[stream].on('data', (chunk: Buffer) => {
        this.write(chunk)
        options.onOutput?.(chunk, stream, this)
      })
    options.memory.add(this)
    this.#timer = setTimeout(() => this.kill((id) => timedOut(id, options.initTimeoutMs)), options.initTimeoutMs)
  }

  /** Adds to the log of the invocation in hand. */
  write(chunk: Buffer | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.log.append(bytes)
    this.#options.onLog?.(bytes, this)
  }

  /** An invocation begins, and with it its log; that of a cold start keeps what was written while the handler loaded. */
  begin(requestId: string, cold: boolean): void {
    this.requestId = requestId
    if (!cold) this.log.clear()
    this.write(startLine(requestId))
  }

  /** The invocation is over and logged. */
  finish(): void {
    this.requestId = undefined
  }

  /** Runs one invocation to its end: a response, an error, a time-out or the end of the process. */
  invoke(invocation: RuntimeInvocation, timeoutMs: number): Promise<Outcome> {
    const deliver = this.#deliver
    if (deliver === undefined) return Promise.resolve(exited(invocation.requestId, { code: null, signal: null }))
    this.#deliver = undefined
    this.payload = invocation.payload
    this.#options.memory.add(this)
    return new Promise((resolve) => {
      this.#settleInvocation = resolve
      this.#timer = setTimeout(() => this.kill((id) => timedOut(id, timeoutMs)), timeoutMs)
      deliver(invocation)
    })
  }

  /** Ends the process and all it started; the invocation in hand, if any, ends with `outcome`. */
  kill(outcome?: (requestId: string) => Outcome, signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#doom ??= outcome
    if (this.#child.pid === undefined || !this.alive) return
    try {
      process.kill(process.platform === 'win32' ? this.#child.pid : -this.#child.pid, signal)
    } catch {
      // it ended by itself in this very moment
    }
  }

  /** Ends one that is no longer needed: SIGTERM, and SIGKILL to what is left after `graceMs`. */
  end(graceMs: number): void {
    this.kill(undefined, 'SIGTERM')
    const impatient = setTimeout(() => this.kill(), graceMs).unref()
    void this.gone.then(() => clearTimeout(impatient))
  }

  checkMemory(): void {
    if (this.#child.pid === undefined || !this.alive) return
    this.maxMemoryMb = Math.max(this.maxMemoryMb, Math.ceil(peakMemoryMb(this.#child.pid) ?? 0))
    if (this.maxMemoryMb > this.fn.memoryMb) this.kill(outOfMemory)
  }

  #onNext(deliver: (invocation: RuntimeInvocation) => void, parts: StartParts): void {
    this.checkMemory() // a peak that came and went since the last look counts
    if (this.#doom !== undefined) return
    if (this.#settleInit === undefined && this.#outcome === undefined) return // asks again without an answer: its time runs out
    this.#deliver = deliver
    this.#rest()
    if (this.#outcome !== undefined) return this.#endInvocation(this.#outcome)
    const initMs = performance.now() - this.#startedAt
    const spawnMs = initMs - (parts === undefined ? 0 : parts.bootMs + parts.loadMs)
    this.#endInit({ initMs, parts: parts && { spawnMs, ...parts }, failure: undefined })
  }

  /** The invocation ends when the runtime asks for the next one, as on Lambda: only then can it take another. */
  #onOutcome(requestId: string, outcome: Outcome): boolean {
    if (requestId !== this.requestId || this.#settleInvocation === undefined || this.#outcome !== undefined)
      return false
    this.#outcome = outcome
    return true
  }

  #onInitError(body: Buffer): void {
    this.#initFailure = () => ({ status: 'error', errorType: undefined, body })
  }

  async #ended(): Promise<void> {
    const { code, signal } = await exitOf(this.#child)
    this.kill() // what it started and left behind, while the group still has our name
    this.alive = false
    if (this.#child.pid !== undefined) this.#options.reaper.forget(this.#child.pid)
    this.#rest()
    const failure = this.#doom ?? this.#initFailure ?? ((requestId: string) => exited(requestId, { code, signal }))
    this.#endInit({ initMs: performance.now() - this.#startedAt, parts: undefined, failure })
    if (this.requestId !== undefined)
      this.#endInvocation(this.#doom?.(this.requestId) ?? this.#outcome ?? failure(this.requestId))
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#options.memory.delete(this)
  }

  #endInit(init: Init): void {
    this.#settleInit?.(init)
    this.#settleInit = undefined
  }

  #endInvocation(outcome: Outcome): void {
    const settle = this.#settleInvocation
    this.#settleInvocation = undefined
    this.#outcome = undefined
    // What the handler wrote before it answered lies in a pipe of this same turn of the event loop.
    if (settle !== undefined) setImmediate(() => settle(outcome))
  }
}

/** The end of a process, its output read to the end; a grandchild that keeps the pipes open is not waited for. */
function exitOf(child: ChildProcessByStdio<null, Readable, Readable>) {
  return new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null })) // could not be started at all
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('exit', (code, signal) => setTimeout(() => resolve({ code, signal }), 250).unref())
  })
}
